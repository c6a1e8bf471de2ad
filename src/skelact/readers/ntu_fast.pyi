def read_bodies(data: bytes, /) -> tuple[int, bytearray] | None:
    """The bodies in an NTU RGB+D file that is exactly as the recorder writes them.

    Args:
        data: the content of the file.

    Returns:
        Number of frames, and a record of ``ntu.BODY`` for each body; None where the file is otherwise, or nobody
        is in it.
    """
