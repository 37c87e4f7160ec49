"""The product: no recognition without identity, purpose, licence and a durable record."""
