"""The server's side of HTTP/2, frame by frame, so that every fault can be written on purpose."""
