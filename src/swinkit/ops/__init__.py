"""Pure tensor functions of any rank: no modules, no configuration."""
