"""The bricks of the backbone: modules with a few explicit arguments and no configuration."""
