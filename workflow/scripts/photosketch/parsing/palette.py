"""A colour for each class, in which label maps are shown and may be drawn by hand."""

# Told apart with any colour vision (after Okabe & Ito 2008).
CLASS_COLOURS = (
    (255, 255, 255),  # background: left as it is
    (120, 70, 170),  # hair
    (240, 190, 140),  # skin
    (120, 70, 10),  # brows
    (0, 80, 200),  # eyes
    (0, 158, 115),  # nose
    (213, 40, 20),  # mouth
    (86, 180, 233),  # clothes
)
