"""How well does one representation predict another, layer by layer, and in which direction?"""
