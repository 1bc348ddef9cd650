"""Drawing with Pango and cairo, which Debian has: the few calls that picture.py needs, by ctypes."""

import ctypes
import ctypes.util
import threading

UNIT = 1024  # Pango's units in a pixel
WRAP_WORD_CHAR, ELLIPSIZE_END, ALIGN_CENTER, RGB24 = 2, 3, 1, 1
_P, _I, _D, _S = ctypes.c_void_p, ctypes.c_int, ctypes.c_double, ctypes.c_char_p
_SIGNATURES = {
    "cairo": {
        "cairo_image_surface_create": (_P, _I, _I, _I), "cairo_surface_destroy": (None, _P),
        "cairo_surface_write_to_png": (_I, _P, _S), "cairo_create": (_P, _P),
        "cairo_destroy": (None, _P), "cairo_scale": (None, _P, _D, _D),
        "cairo_set_source_rgba": (None, _P, _D, _D, _D, _D), "cairo_move_to": (None, _P, _D, _D),
        "cairo_arc": (None, _P, _D, _D, _D, _D, _D), "cairo_close_path": (None, _P),
        "cairo_new_path": (None, _P), "cairo_rectangle": (None, _P, _D, _D, _D, _D),
        "cairo_fill": (None, _P),
    },
    "pango-1.0": {
        "pango_font_description_from_string": (_P, _S), "pango_font_description_free": (None, _P),
        "pango_font_description_set_absolute_size": (None, _P, _D),
        "pango_layout_set_font_description": (None, _P, _P),
        "pango_layout_set_markup": (None, _P, _S, _I), "pango_layout_set_width": (None, _P, _I),
        "pango_layout_set_wrap": (None, _P, _I), "pango_layout_set_ellipsize": (None, _P, _I),
        "pango_layout_set_alignment": (None, _P, _I),
        "pango_layout_set_single_paragraph_mode": (None, _P, _I),
        "pango_layout_set_line_spacing": (None, _P, ctypes.c_float),
        "pango_layout_get_pixel_size": (None, _P, ctypes.POINTER(_I), ctypes.POINTER(_I)),
        "pango_layout_get_unknown_glyphs_count": (_I, _P),
    },
    "pangocairo-1.0": {
        "pango_cairo_create_layout": (_P, _P), "pango_cairo_update_layout": (None, _P, _P),
        "pango_cairo_show_layout": (None, _P, _P),
    },
    "gobject-2.0": {"g_object_unref": (None, _P)},
}
_functions = {}
_loading = threading.Lock()


def _load():
    for library, functions in _SIGNATURES.items():
        path = ctypes.util.find_library(library)
        if path is None:
            raise OSError(f"no lib{library}: scripts/packages.debian names it")
        loaded = ctypes.CDLL(path)
        for name, (result, *arguments) in functions.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
            _functions[name] = function


class Canvas:
    """A picture of `width` × `height` pixels times `scale`; `text` measures, `draw` puts it there."""

    def __init__(self, width, height, scale=2):
        with _loading:
            if not _functions:
                _load()
        self.surface = _functions["cairo_image_surface_create"](
            RGB24, int(width * scale), int(height * scale))
        self.cairo = _functions["cairo_create"](self.surface)
        self.call("cairo_scale", float(scale), float(scale))
        self.unknown = 0  # glyphs that no font has

    def call(self, name, *arguments):
        return _functions[name](self.cairo, *arguments)

    def close(self):
        _functions["cairo_destroy"](self.cairo)
        _functions["cairo_surface_destroy"](self.surface)

    def save(self, path):
        status = _functions["cairo_surface_write_to_png"](self.surface, str(path).encode())
        if status:
            raise OSError(f"cairo could not write {path}: status {status}")

    def color(self, color):
        """`#rrggbb` or `#rrggbbaa`."""
        parts = [int(color[i:i + 2], 16) / 255 for i in range(1, len(color), 2)]
        self.call("cairo_set_source_rgba", *parts, *([1.0] if len(parts) == 3 else []))

    def box(self, x, y, width, height, color, radius=0):
        self.color(color)
        self.call("cairo_new_path")
        if not radius:
            self.call("cairo_rectangle", x, y, width, height)
        else:
            pi, r = 3.141592653589793, radius
            for cx, cy, a in ((x + width - r, y + r, -pi / 2), (x + width - r, y + height - r, 0),
                              (x + r, y + height - r, pi / 2), (x + r, y + r, pi)):
                self.call("cairo_arc", cx, cy, r, a, a + pi / 2)
            self.call("cairo_close_path")
        self.call("cairo_fill")

    def layout(self, markup, font, size, width=None, center=False, one_line=False):
        """A laid out text (Pango's markup); `free` it. Wraps at `width`, or is cut in one line."""
        call = _functions
        layout = call["pango_cairo_create_layout"](self.cairo)
        described = call["pango_font_description_from_string"](font.encode())
        call["pango_font_description_set_absolute_size"](described, float(size * UNIT))
        call["pango_layout_set_font_description"](layout, described)
        call["pango_font_description_free"](described)
        call["pango_layout_set_line_spacing"](layout, 0.0 if one_line else 1.0)
        if width is not None:
            call["pango_layout_set_width"](layout, int(width * UNIT))
            call["pango_layout_set_wrap"](layout, WRAP_WORD_CHAR)
        if one_line:
            call["pango_layout_set_single_paragraph_mode"](layout, 1)
            call["pango_layout_set_ellipsize"](layout, ELLIPSIZE_END)
        if center:
            call["pango_layout_set_alignment"](layout, ALIGN_CENTER)
        data = markup.encode("utf-8", "replace")
        call["pango_layout_set_markup"](layout, data, len(data))
        self.unknown += call["pango_layout_get_unknown_glyphs_count"](layout)
        return layout

    def size(self, layout):
        width, height = _I(), _I()
        _functions["pango_layout_get_pixel_size"](layout, width, height)
        return width.value, height.value

    def show(self, layout, x, y, color):
        self.color(color)
        self.call("cairo_move_to", float(x), float(y))
        _functions["pango_cairo_update_layout"](self.cairo, layout)
        _functions["pango_cairo_show_layout"](self.cairo, layout)

    def free(self, layout):
        _functions["g_object_unref"](layout)
