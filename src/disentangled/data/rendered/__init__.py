"""What is drawn here instead of read: the renderer, its solids, the twins, the re-render.

solids, cameras, rendering    signed distances, rays, and pictures from both
car, toys                     the things that the twins show
cars3d_twin, smallnorb_twin   scenes of our own with the factors of a real set
shapes3d_twin                 the same, drawn once for all colours
dsprites_rerender             the scenes of dSprites; calibration fits and judges it
kept                          rendered images on disk
"""
