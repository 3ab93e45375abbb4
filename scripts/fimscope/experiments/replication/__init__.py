"""The steering protocol of codetrace, its published numbers beside ours."""
