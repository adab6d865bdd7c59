"""What is learned: cGAN, CIN-GAN and ZSE-GAN, each a `runs.method.Method`, and their data."""
