"""A client of the Bot API that others wrote (python-telegram-bot) works with the simulated Telegram."""

import asyncio
import io
import struct

import pytest
from telegram import (
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    Update,
    error,
)
from telegram.ext import Application, CallbackQueryHandler, CommandHandler, MessageHandler, filters


async def start(update, context):
    keys = [[InlineKeyboardButton("Count: 0", callback_data="0")],
            [InlineKeyboardButton("Site", url="https://example.org")]]
    await update.message.reply_html("<b>Hello</b> &lt;you&gt;",
                                    reply_markup=InlineKeyboardMarkup(keys))


async def count(update, context):
    query = update.callback_query
    n = int(query.data) + 1
    await query.answer(f"now {n}")
    keys = [[InlineKeyboardButton(f"Count: {n}", callback_data=str(n))]]
    await query.edit_message_text(f"Pressed {n} times", reply_markup=InlineKeyboardMarkup(keys))


async def document(update, context):
    file = await update.message.document.get_file()
    data = bytes(await file.download_as_bytearray())
    await update.message.reply_document(InputFile(io.BytesIO(data[::-1]), filename="back.bin"))


async def with_bot(sim, scene, poll=True):
    app = (Application.builder().token(sim.token).base_url(sim.url + "/bot")
           .base_file_url(sim.url + "/file/bot").connect_timeout(60).read_timeout(60).write_timeout(60)
           .get_updates_connect_timeout(60).get_updates_read_timeout(60).build())
    app.add_handler(CommandHandler("start", start))
    app.add_handler(CallbackQueryHandler(count))
    app.add_handler(MessageHandler(filters.Document.ALL, document))
    async with app:
        if not poll:
            await scene(app.bot)
            return
        await app.updater.start_polling(timeout=2, allowed_updates=[Update.MESSAGE,
                                                                    Update.CALLBACK_QUERY])
        await app.start()
        await scene(app.bot)
        await app.updater.stop()
        await app.stop()


def test_commands_buttons_edits_and_files(telegram):
    ali = telegram.user("Ali", last_name="<Zoë> 😀")

    def people():
        message = ali.ask("/start", "Hello <you>", 30)
        assert message.labels == ["Count: 0", "Site"]
        for n in (1, 2, 3):
            assert ali.press("Count", on=message, wait=30).text == f"now {n}"
            ali.chat.wait(f"Pressed {n} times", 30)
        assert [v.text for v in message.history] == ["Hello <you>", "Pressed 1 times",
                                                     "Pressed 2 times"]
        sent = ali.send_file("a.bin", b"abc" * 1_000_000)
        back = ali.chat.wait(lambda m: m.document, 60, after=sent.id)
        assert back.document.data == b"cba" * 1_000_000

    async def scene(bot):
        assert (await bot.get_me()).username == "pg_limiter_bot"
        await bot.set_my_commands([BotCommand("start", "Start")], language_code="fa")
        assert (await bot.get_my_commands(language_code="fa"))[0].command == "start"
        await asyncio.to_thread(people)

    asyncio.run(with_bot(telegram, scene))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Deprecated since version v22.2")
def test_its_errors_are_what_the_client_knows(telegrams):
    sim = telegrams()
    ali = sim.user("Ali")
    room = sim.group("Ops", ali, forum=True)

    async def scene(bot):
        topic = await bot.create_forum_topic(room.id, "Warnings")
        await bot.send_message(room.id, "x", message_thread_id=topic.message_thread_id)
        assert (await bot.get_chat(room.id)).is_forum
        assert (await bot.get_chat_member(room.id, bot.id)).can_manage_topics
        with pytest.raises(error.BadRequest, match="Chat not found"):
            await bot.send_message(5, "x")
        ali.block()
        with pytest.raises(error.Forbidden, match="bot was blocked by the user"):
            await bot.send_message(ali.id, "x")
        ali.block(False)
        sim.app.flood.now = lambda: 1000.0  # not a second passes, however long the machine takes
        sim.flood(7, ali.chat)
        with pytest.raises(error.RetryAfter, match="Retry in 7 seconds"):
            await bot.send_message(ali.id, "x")
        old = sim.group("Old", ali, plain=True)
        new = old.upgrade()
        with pytest.raises(error.ChatMigrated) as moved:
            await bot.send_message(old.id, "x")
        assert moved.value.new_chat_id == new.id
        sim.revoke_token()
        with pytest.raises(error.InvalidToken):
            await bot.get_me()
        sim.restore_token()

    # Its poll would end with the token.
    asyncio.run(with_bot(sim, scene, poll=False))


def test_a_picture_of_a_chat(telegrams, tmp_path):
    sim = telegrams(limits=None)
    ali = sim.user("Ali")

    async def scene(bot):
        await bot.send_message(
            ali.id, "🔒 کاربر \u2068ali_1990\u2069 <b>غیرفعال</b> شد · Привет · 用户 · <code>5.6.7.8</code>",
            parse_mode="HTML", reply_markup=InlineKeyboardMarkup(
                [[InlineKeyboardButton("⬅️ بازگشت", callback_data="b"),
                  InlineKeyboardButton("🏠 " + "long " * 30, callback_data="h")]]))

    asyncio.run(with_bot(sim, scene))
    path = tmp_path / "chat.png"
    assert ali.chat.picture(path) == 0, "characters that no font has"
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", data[16:24])
    assert width == 585 and 150 < height < 450
    ali.say("\U0010ffff")
    assert ali.chat.picture(path) == 1
