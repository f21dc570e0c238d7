from __future__ import annotations

import asyncio

from infra.viewer.feed import Feed, Page, encode


async def everything(page: Page) -> list[bytes]:
    return [message async for message in page]


def test_one_event_is_one_block_whatever_its_text_holds() -> None:
    assert encode("result", {"caption": "a\n\ndata: b\u2028"}) == (
        b'event: result\ndata: {"caption": "a\\n\\ndata: b\\u2028"}\n\n'
    )


def test_every_open_page_hears_what_is_sent() -> None:
    async def story() -> list[bytes]:
        feed = Feed()
        with feed.page() as one, feed.page() as other:
            await asyncio.to_thread(feed.send, "a", 1)
            return [await anext(one), await anext(other)]

    assert asyncio.run(story()) == [b"event: a\ndata: 1\n\n"] * 2


def test_a_page_that_falls_behind_is_cut_off() -> None:
    async def story() -> list[bytes]:
        page = Page()
        for _ in range(1001):
            page.put(b"x")
        return await everything(page)

    assert asyncio.run(story()) == []


def test_closing_ends_pages_that_wait_and_pages_that_come_later() -> None:
    async def story() -> list[list[bytes]]:
        feed = Feed()
        with feed.page() as waiting:
            reader = asyncio.create_task(everything(waiting))
            await asyncio.sleep(0)
            feed.close()
            with feed.page() as late:
                return [await reader, await everything(late)]

    assert asyncio.run(asyncio.wait_for(story(), 10)) == [[], []]


def test_after_a_restart_new_pages_are_served() -> None:
    async def story() -> tuple[list[bytes], bytes]:
        feed = Feed()
        with feed.page() as before:
            feed.restart()
            with feed.page() as after:
                feed.send("a", 1)
                return await everything(before), await anext(after)

    assert asyncio.run(asyncio.wait_for(story(), 10)) == ([], b"event: a\ndata: 1\n\n")
