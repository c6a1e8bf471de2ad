"""Runtime: the device, processes, prefetching, memory: how things run, not what they compute."""
