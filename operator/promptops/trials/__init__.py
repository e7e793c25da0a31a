"""Work on what strangers wrote, in a process that may take long or die without anybody noticing."""
