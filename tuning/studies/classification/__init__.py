"""Audio classification: adapters beside a linear probe and full fine-tuning."""
