/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/texts.h"

#include <string.h>

#include "base/banned.h"

static const char *const texts[TEXT_COUNT][TEXT_LANGS] = {
    [TEXT_CUSTOMER_ACCOUNT] = {"Account: {user}", "حساب: {user}", "Аккаунт: {user}",
                               "账号：{user}"},
    [TEXT_CUSTOMER_FINE] = {"Nothing has been held against this account so far.",
                            "تا کنون موردی برای این حساب ثبت نشده است.",
                            "За этим аккаунтом нарушений не замечено.",
                            "该账号目前没有任何违规记录。"},
    [TEXT_CUSTOMER_SHARED] =
        {"This account was in use on more devices at the same time than it allows.",
         "این حساب هم‌زمان روی دستگاه‌هایی بیش از حد مجاز استفاده شده است.",
         "Этим аккаунтом одновременно пользовались на большем числе устройств, чем разрешено.",
         "该账号同时在线的设备数量超过了允许的数量。"},
    [TEXT_CUSTOMER_WHEN] = {"When: {time}", "زمان: {time}", "Когда: {time}", "时间：{time}"},
    [TEXT_CUSTOMER_LIMIT] = {"Devices allowed at the same time: {limit}",
                             "تعداد دستگاه مجاز هم‌زمان: {limit}",
                             "Разрешено устройств одновременно: {limit}",
                             "允许同时使用的设备数：{limit}"},
    [TEXT_CUSTOMER_NO_LIMIT] = {"The number of devices is not limited.",
                                "تعداد دستگاه‌ها محدودیتی ندارد.",
                                "Число устройств не ограничено.", "设备数量不受限制。"},
    [TEXT_CUSTOMER_DEVICES] =
        {"Devices seen at the same time: {devices}",
         "تعداد دستگاه دیده‌شده هم‌زمان: {devices}",
         "Замечено устройств одновременно: {devices}", "同时检测到的设备数：{devices}"},
    [TEXT_CUSTOMER_PLACES] = {"Seen from: {places}", "محل اتصال: {places}", "Откуда: {places}",
                              "来源：{places}"},
    [TEXT_CUSTOMER_UNTIL] = {"New connections are off until {time}.",
                             "اتصال جدید تا {time} ممکن نیست.",
                             "Новые подключения отключены до {time}.",
                             "在 {time} 之前无法建立新连接。"},
    [TEXT_CUSTOMER_BY_HAND] =
        {"New connections are off until support turns them on again.",
         "اتصال جدید تا فعال‌سازی توسط پشتیبانی ممکن نیست.",
         "Новые подключения отключены, пока поддержка не включит их снова.",
         "在客服重新启用之前无法建立新连接。"},
    [TEXT_CUSTOMER_OPEN] = {"The account works again.", "حساب دوباره فعال است.",
                            "Аккаунт снова работает.", "该账号已恢复使用。"},
    [TEXT_CUSTOMER_ADVICE] =
        {"Please use it on at most {limit} at a time, and give it to nobody else. If you did not "
         "share it, ask support for a new subscription link.",
         "لطفاً هم‌زمان روی حداکثر {limit} دستگاه استفاده کنید و حساب را در اختیار دیگران نگذارید. "
         "اگر حساب را به کسی نداده‌اید، از پشتیبانی لینک اشتراک تازه بخواهید.",
         "Пожалуйста, пользуйтесь одновременно не более чем на {limit} устр. и никому не передавайте "
         "аккаунт. Если вы его не передавали, попросите у поддержки новую ссылку на подписку.",
         "请同时最多在 {limit} 台设备上使用，不要把账号给他人。如果您没有分享账号，请向客服索取新的订阅链接。"},
    [TEXT_UNKNOWN_PLACE] = {"unknown place", "مکان نامشخص", "место неизвестно", "未知地点"},
};

enum text_lang text_lang_of(const char *word)
{
    static const char *const words[TEXT_LANGS] = {"en", "fa", "ru", "zh"};
    int i;

    for (i = 0; word && i < TEXT_LANGS; i++)
        if (strcmp(words[i], word) == 0)
            return (enum text_lang)i;
    return TEXT_EN;
}

const char *text_raw(enum text_lang lang, enum text_id id)
{
    return texts[id][lang];
}

static const struct text_arg *find_arg(const struct text_arg *args, struct slice name)
{
    for (; args && args->name; args++)
        if (slice_eq(name, slice_of(args->name)))
            return args;
    return NULL;
}

void text_add(struct buf *out, enum text_lang lang, enum text_id id, const struct text_arg *args)
{
    struct slice rest = slice_of(texts[id][lang]), name;
    const struct text_arg *arg;

    while (rest.p && rest.n) {
        buf_add_slice(out, slice_cut(&rest, '{'));
        if (!rest.p)
            return;
        name = slice_cut(&rest, '}');
        arg = find_arg(args, name);
        if (arg)
            buf_add_str(out, arg->value);
        else
            buf_addf(out, "{%.*s}", (int)name.n, name.p);
    }
}
