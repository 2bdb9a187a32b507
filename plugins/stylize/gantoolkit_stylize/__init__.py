"""One-shot stylization of a StyleGAN2. There are no hooks; registry.yaml says what is offered."""
