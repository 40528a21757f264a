"""What joins the pipeline to the frameworks of its hosts; each is imported by its hosts only."""
