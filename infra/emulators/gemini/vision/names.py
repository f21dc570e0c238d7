"""The names that the detector gives, in the order of its scores, and other words for the same things."""

from __future__ import annotations

import re

_LISTED = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag,
tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote,
keyboard, cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear,
hair drier, toothbrush
"""
NAMES = tuple(_LISTED.strip().replace(",\n", ", ").split(", "))
"""COCO's 80 kinds: https://cocodataset.org/#explore."""
FACE = "face"

_SAME = """
person: human man woman child boy girl adult somebody someone portrait pedestrian
face: person human man woman child portrait selfie head
bicycle: bike cycle vehicle
car: automobile vehicle auto
motorcycle: motorbike bike vehicle
airplane: aeroplane plane aircraft jet vehicle
bus: coach vehicle
train: locomotive vehicle
truck: lorry vehicle
boat: ship vessel vehicle
traffic light: stoplight
bird: animal
cat: kitten kitty animal pet
dog: puppy animal pet
horse: pony animal
sheep: lamb animal
cow: cattle animal
elephant: animal
bear: animal
zebra: animal
giraffe: animal
backpack: rucksack bag
handbag: purse bag
suitcase: luggage bag
sports ball: ball
tie: necktie clothing
bottle: container
wine glass: glass drink
cup: mug teacup drink
bowl: dish container
knife: cutlery
fork: cutlery
spoon: cutlery
banana: fruit food
apple: fruit food
orange: fruit food
sandwich: food
broccoli: vegetable food
carrot: vegetable food
hot dog: food
pizza: food
donut: doughnut food
cake: food dessert
chair: seat furniture
couch: sofa furniture
bench: seat furniture
bed: furniture
dining table: table furniture
potted plant: plant
tv: television monitor screen
laptop: computer notebook
cell phone: phone smartphone telephone
remote: clicker
refrigerator: fridge
oven: stove
teddy bear: toy
hair drier: hairdryer
"""

SYNONYMS = {
    name: frozenset(listed.split()) for name, _, listed in (line.partition(": ") for line in _SAME.strip().splitlines())
}
"""Other words for a name, and for the kind of thing that it is: a cat is a pet and an animal."""

PLURAL_ONLY = frozenset({"scissors", "skis"})
_PLURAL = {"knife": "knives", "mouse": "mice", "person": "people", "sheep": "sheep"}
_PLURAL |= {name: name for name in PLURAL_ONLY}


def plural(name: str) -> str:
    """Return a name's plural.

    >>> [plural(name) for name in ("person", "cup", "bus", "wine glass", "teddy bear")]
    ['people', 'cups', 'buses', 'wine glasses', 'teddy bears']
    """
    if name in _PLURAL:
        return _PLURAL[name]
    return f"{name}es" if re.search(r"(?:s|x|ch|sh)$", name) else f"{name}s"


_SINGULARS = {plural(name).rpartition(" ")[2]: name.rpartition(" ")[2] for name in NAMES}
_SINGULARS |= {
    "children": "child",
    "men": "man",
    "persons": "person",
    "women": "woman",
    "bus": "bus",
    "canvas": "canvas",
}


def singular(word: str) -> str:
    """Return an English noun's singular, well enough for the names here.

    >>> [singular(word) for word in ("people", "cats", "buses", "glass", "couches")]
    ['person', 'cat', 'bus', 'glass', 'couch']
    """
    if word in _SINGULARS:
        return _SINGULARS[word]
    if re.search(r"(?:s|x|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def called(name: str, wanted: str) -> bool:
    """Whether what the detector calls `name` may be called `wanted`: the same word, a synonym, its kind.

    >>> [called("cup", word) for word in ("cup", "Mugs", "coffee cup", "cupboard", "person")]
    [True, True, True, False, False]
    >>> called("hot dog", "dog")
    False
    """
    asked = words(wanted)
    if len(asked) == 1 and asked[0] in SYNONYMS.get(name, ()):
        return True
    return [word for word in asked if word not in _HARMLESS.get(name, ())] == words(name)


_HARMLESS = {"cup": frozenset({"coffee", "tea"}), "person": frozenset({"human"})}
"""What may stand before a name without changing what the detector means by it."""


def named_in(text: str) -> tuple[str, ...]:
    """Return what the detector knows of what a text speaks of, in the text's order, each once.

    >>> named_in("Are there dogs, or an animal that barks beside the wine glasses?")[:2]
    ('dog', 'bird')
    >>> named_in("What is this?")
    ()
    """
    spoken = words(text)
    found: dict[str, None] = {}
    place = 0
    while place < len(spoken):
        for length in (2, 1):  # a hot dog is no dog
            phrase = " ".join(spoken[place : place + length])
            if hits := [name for name in NAMES if called(name, phrase)]:
                found |= dict.fromkeys(hits)
                place += length - 1
                break
        place += 1
    return tuple(found)


def words(text: str) -> list[str]:
    """Return a text's words in lower case, each in the singular, in British spelling where colours have two."""
    return [singular(word) for word in re.findall(r"[a-z]+", text.lower().replace("gray", "grey"))]
