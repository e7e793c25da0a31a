"""The prompt language: parse, plan, render."""
