"""Small odd files, each with the array that it holds: pictures, sounds, and folders of them."""
