"""Images that lay in a bucket before anybody looked: found, planned like uploads, published in a lane of their own."""
