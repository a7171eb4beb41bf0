"""Networks as repositories of the Hugging Face hub."""

from loopynet.hub.card import model_card
from loopynet.hub.repository import from_pretrained, push_to_hub, save_pretrained

__all__ = ["from_pretrained", "model_card", "push_to_hub", "save_pretrained"]
