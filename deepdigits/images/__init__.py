"""From a photo or drawing to crops in MNIST's form, one for each digit.

    file -> io (upright, grey) -> foreground (ink without page) -> ruling (no printed lines)
         -> segments (one per digit) -> normalization (28x28)

`detection` runs these steps. They need numpy, Pillow and scipy only, and no net.
"""
