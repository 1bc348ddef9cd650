"""The operator's phone: a simulated Telegram, on which the daemon's bot writes to its owner."""

from simtelegram.render import message_text


class Phone:
    """Shows what the bot writes and changes, and remembers it."""

    def __init__(self, telegram):
        self.telegram = telegram
        self.owner = telegram.user("Sara")
        self.seen = {}

    @property
    def settings(self):
        """For the daemon's .env."""
        return {**self.telegram.settings, "ADMIN_IDS": str(self.owner.id)}

    def news(self):
        """The messages of the bot that are new or other than they were, each as lines."""
        with self.telegram.world.lock:
            for message in self.owner.chat.from_bot:
                version = len(message.history)
                if self.seen.get(message.id) != version:
                    self.seen[message.id] = version
                    yield message_text(message)

    def look_up(self, name):
        """The operator writes /user NAME, and waits for the card."""
        self.owner.ask(f"/user {name}", lambda m: name in m.text and m.buttons)

    def told(self, name):
        """The messages about a user, each with everything it has said: [[text, …], …]."""
        with self.telegram.world.lock:
            said = [[*(v.text for v in m.history), m.text] for m in self.owner.chat.from_bot]
        return [texts for texts in said if any(name in text for text in texts)]

    def refused(self):
        """Calls that Telegram refused."""
        return [f"{c.method}: {c.description or c.complaints}" for c in self.telegram.refused]
