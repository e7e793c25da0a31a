"""What makes a pod be served: one description, followed by webhook, policy and command line alike."""
