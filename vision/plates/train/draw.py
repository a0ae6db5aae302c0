"""Draws number plates as a camera sees them, for training the recogniser.

Each plate is drawn from numbers of its own: generator (seed, split, shard,
index) gives the same picture wherever it runs with the same fonts. README.md
says what is drawn and what is not.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import functools
import glob
import io
import math
import sys

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTH, HEIGHT = 208, 48  # of what the recogniser is given
KINDS = ("none", "us", "eu", "br")  # what a crop shows
LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
DIGITS = "0123456789"

# Fonts of Debian packages and of @fontsource packages (see fonts.txt); those
# in HELD are only for the validation split.
HELD = ("routed-gothic", "saira-condensed", "teko", "ubuntu-condensed", "Yanone", "cooper-hewitt", "pt-sans-narrow")
# Designs only for the validation split.
HELD_STATES = ("CO", "OR", "SC", "OH")


def fonts(root):
    """The fonts for plates, other words, and those held out, as lists of files."""
    plates, words, held = [], [], []
    for line in open(os.path.join(HERE, "fonts.txt")):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        use, pattern = line.split(None, 1)
        found = sorted(glob.glob(pattern.replace("$NPM", root)))
        if not found:
            sys.exit(f"no font matches {pattern}: install the packages of README.md")
        for f in found:
            if any(h.lower() in f.lower() for h in HELD):
                held.append(f)
            elif use == "plate":
                plates.append(f)
            words.append(f)
    return plates, words, held


@functools.lru_cache(maxsize=None)
def face(path, size):
    return ImageFont.truetype(path, size)


@functools.lru_cache(maxsize=20000)
def glyph(path, char):
    """A character 96 pixels high (as its font's H), cut to its ink; L mode."""
    f = face(path, 128)
    top, bottom = f.getbbox("H")[1], f.getbbox("H")[3]
    l, t, r, b = f.getbbox(char)
    l, r = l - 2, r + 2
    m = Image.new("L", (max(1, r - l), max(1, bottom - top)), 0)
    ImageDraw.Draw(m).text((-l, -top), char, font=f, fill=255)
    box = m.getbbox() or (0, 0, 1, 1)
    m = m.crop((box[0], 0, box[2], m.height))
    return m.resize((max(1, round(m.width * 96 / m.height)), 96), Image.BILINEAR)


@functools.lru_cache(maxsize=None)
def widths(path):
    """Mean width over height of the font's broad characters."""
    return float(np.mean([glyph(path, c).width / 96 for c in "ABCDEGHKNPRSUX2345678"]))


def formats():
    """Rows of formats.tsv: region, weight, pattern, letters."""
    rows = []
    for line in open(os.path.join(HERE, "..", "formats.tsv")):
        if line.startswith("#") or not line.strip():
            continue
        region, weight, pattern, letters = line.rstrip("\n").split("\t")
        rows.append((region, float(weight), pattern, letters))
    return rows


# name, words below (or above), colours of the characters, colours of the ground from top to bottom
STATES = {
    "AL": ("Alabama", "Sweet Home|Heart of Dixie|Stars Fell On", ["#a01c2c", "#1c2c5c"], ["#bcd4f0", "#ffffff"]),
    "AK": ("ALASKA", "The Last Frontier|CELEBRATING STATEHOOD", ["#1c3c8c"], ["#f4b824", "#f8c838"]),
    "AZ": ("ARIZONA", "GRAND CANYON STATE", ["#1c5c4c", "#1c3c5c"], ["#6c7cbc", "#e8c8a8", "#f4ecdc"]),
    "AR": ("Arkansas", "The Natural State", ["#1c2c6c", "#202020"], ["#d8ecf8", "#ffffff", "#c8e4cc"]),
    "CA": ("California|CALIFORNIA", "dmv.ca.gov||SESQUICENTENNIAL", ["#1c2c7c", "#182860"], ["#ffffff", "#f4f4f8"]),
    "CO": ("COLORADO", "", ["#ffffff", "#f4f8f4"], ["#2c5c44", "#24543c"]),
    "CT": ("Connecticut", "Constitution State", ["#1c2c6c"], ["#6c94cc", "#f4f8ff", "#ffffff"]),
    "DE": ("DELAWARE", "THE FIRST STATE", ["#d8b84c", "#e8c860"], ["#1c2c5c", "#182450"]),
    "DC": ("WASHINGTON, D.C.", "TAXATION WITHOUT REPRESENTATION", ["#1c2c7c"], ["#ffffff", "#f8f8ff"]),
    "FL": ("FLORIDA|MYFLORIDA.COM", "SUNSHINE STATE|IN GOD WE TRUST|LEE COUNTY|DADE", ["#1c6c3c", "#206840"], ["#ffffff", "#f0f8ec", "#ffffff"]),
    "GA": ("GEORGIA|Georgia|georgia.gov", "FULTON|IN GOD WE TRUST|COBB|PEACH STATE", ["#202020", "#1c2c6c"], ["#ffffff", "#fcf0dc", "#f4e8e0"]),
    "HI": ("HAWAII", "ALOHA STATE", ["#202020"], ["#ffffff", "#f4f4f4"]),
    "ID": ("IDAHO", "FAMOUS POTATOES|SCENIC", ["#1c2c6c", "#202020"], ["#d8545c", "#ffffff", "#6c9cd4"]),
    "IL": ("Illinois", "Land of Lincoln", ["#a82434", "#b02030"], ["#dce8f4", "#ffffff", "#f4f0e4"]),
    "IN": ("INDIANA", "IN God We Trust|Lincoln's Boyhood Home|AMBER WAVES OF GRAIN", ["#1c2c6c", "#202020"], ["#a8c8ec", "#ffffff", "#e8dca8"]),
    "IA": ("IOWA", "POLK|STORY|LINN|SCOTT", ["#1c2c6c", "#203070"], ["#b8d0e8", "#f4f8fc", "#b4c8dc"]),
    "KS": ("KANSAS", "to the stars|JO", ["#1c2c6c"], ["#b8d4ec", "#dcecf8"]),
    "KY": ("Kentucky", "UNBRIDLED SPIRIT|JEFFERSON|Bluegrass State", ["#1c2c6c"], ["#a4c4e8", "#f4f8fc", "#d4e0ec"]),
    "LA": ("Louisiana", "Sportsman's Paradise|Bicentennial", ["#1c2c6c", "#a02030"], ["#ffffff", "#e8f0f8"]),
    "ME": ("MAINE", "Vacationland", ["#202020"], ["#f4f4ec", "#dce8d8"]),
    "MD": ("MARYLAND|Maryland", "MARYLAND.GOV|WAR OF 1812|Treasure the Chesapeake", ["#202020", "#1c2c6c"], ["#ffffff", "#f4f8fc"]),
    "MA": ("Massachusetts", "The Spirit of America", ["#a82434", "#b42c3c"], ["#ffffff", "#f8f8f8"]),
    "MI": ("MICHIGAN|Pure Michigan", "WWW.MICHIGAN.GOV|GREAT LAKES|SPECTACULAR PENINSULAS", ["#1c3c7c", "#203880"], ["#2c64b4", "#ffffff", "#ffffff"]),
    "MN": ("Minnesota", "10,000 lakes|Explore", ["#1c2c6c", "#202020"], ["#a8cce8", "#f4f8fc", "#a8d0b4"]),
    "MS": ("Mississippi", "HINDS|RANKIN|Birthplace of America's Music", ["#1c3c5c", "#202020"], ["#a8d0e4", "#f4f4e4", "#d8e4c0"]),
    "MO": ("MISSOURI", "SHOW-ME STATE|BICENTENNIAL", ["#1c2c5c", "#202048"], ["#c4dcec", "#f4f8f8", "#d4e4ec"]),
    "MT": ("MONTANA", "Big Sky Country|TREASURE STATE", ["#f4f4f4", "#1c2c6c"], ["#3464b0", "#2c5ca4"]),
    "NE": ("NEBRASKA", "WWW.NEBRASKA.GOV|CORNHUSKER STATE", ["#1c2c5c", "#202020"], ["#f4f0dc", "#e8dcb8"]),
    "NV": ("NEVADA", "The Silver State|HOME MEANS NEVADA", ["#1c2c6c"], ["#c4dcf0", "#f4f4f4", "#d8c8a8"]),
    "NH": ("NEW HAMPSHIRE", "LIVE FREE OR DIE", ["#2c5c3c", "#285438"], ["#ffffff", "#dcecdc", "#c0dcc8"]),
    "NJ": ("New Jersey|NEW JERSEY", "Garden State", ["#202020", "#242424"], ["#f4dc8c", "#f8ecc0", "#f4f0dc"]),
    "NM": ("NEW MEXICO", "Land of Enchantment|USA", ["#b42c34", "#e8d44c"], ["#f4c83c", "#f4cc48"]),
    "NY": ("NEW YORK", "EMPIRE STATE|THE EMPIRE STATE", ["#1c2c5c", "#18284c"], ["#f4b434", "#ffffff", "#f0a828"]),
    "NC": ("NORTH CAROLINA", "First in Flight|First in Freedom", ["#1c2c7c", "#a82c34"], ["#ffffff", "#f0f4f8", "#dce4d4"]),
    "ND": ("NORTH DAKOTA", "Peace Garden State|LEGENDARY|Discover the Spirit", ["#1c2c6c", "#202020"], ["#a4c8e8", "#f4e8c8", "#e4d098"]),
    "OH": ("OHIO", "BIRTHPLACE OF AVIATION|Beautiful Ohio|THE BUCKEYE STATE", ["#1c2c5c", "#202040"], ["#ffffff", "#f8f0e0", "#c8e0c8"]),
    "OK": ("OKLAHOMA", "NATIVE AMERICA|EXPLORE OKLAHOMA|OK!", ["#1c2c4c", "#1c4c3c"], ["#c8e0f0", "#ffffff"]),
    "OR": ("Oregon", "", ["#1c2c6c", "#202048"], ["#e4d8ec", "#f4f4f8", "#b8c8d8"]),
    "PA": ("PENNSYLVANIA|visitPA.com", "WWW.STATE.PA.US|KEYSTONE STATE|visitPA.com", ["#1c2c6c", "#182c70"], ["#2c4c94", "#ffffff", "#f4c83c"]),
    "RI": ("Rhode Island", "OCEAN STATE", ["#1c2c6c"], ["#f4f8fc", "#c8dcec"]),
    "SC": ("South Carolina", "Travel2SC.com|Smiling Faces|While I Breathe, I Hope", ["#1c2c5c", "#202020"], ["#a4c8e8", "#f4ecdc", "#dca878"]),
    "SD": ("SOUTH DAKOTA", "GREAT FACES. GREAT PLACES.", ["#1c2c5c", "#a02c34"], ["#a8cce8", "#f4f4ec", "#e8d8a8"]),
    "TN": ("Tennessee", "THE VOLUNTEER STATE|tnvacation.com|DAVIDSON|SHELBY", ["#1c2c5c", "#202020"], ["#ffffff", "#d8ecd8", "#a8d0a8"]),
    "TX": ("TEXAS", "The Lone Star State", ["#202020", "#1c2c6c"], ["#ffffff", "#f4f4f4"]),
    "UT": ("UTAH", "LIFE ELEVATED|GREATEST SNOW ON EARTH|CENTENNIAL 1896-1996", ["#1c2c5c", "#202020"], ["#8cb8e4", "#f4f4f4", "#e8b07c"]),
    "VT": ("Vermont", "Green Mountain State", ["#f4f8f4"], ["#1c5c3c", "#186038"]),
    "VA": ("VIRGINIA|Virginia", "Virginia is for Lovers|400th Anniversary", ["#1c2c6c", "#182c70"], ["#ffffff", "#f8f8f8"]),
    "WA": ("WASHINGTON", "EVERGREEN STATE", ["#1c2c6c", "#a02c3c"], ["#ffffff", "#e4ecf8", "#c4d4ec"]),
    "WV": ("WEST VIRGINIA", "Wild, Wonderful", ["#1c2c6c", "#202048"], ["#f4c83c", "#ffffff", "#2c5ca4"]),
    "WI": ("WISCONSIN", "America's Dairyland", ["#202020", "#a82430", "#1c2c6c"], ["#ffffff", "#f4f8fc"]),
    "WY": ("WYOMING", "Like No Place on Earth", ["#4c3424", "#202020", "#1c2c6c"], ["#a8c8e8", "#f4ecd8", "#d8c8a4"]),
}
CITIES = "SP-SAO PAULO|RJ-RIO DE JANEIRO|MG-BELO HORIZONTE|PR-CURITIBA|SP-CAMPINAS|RS-PORTO ALEGRE|SC-FLORIANOPOLIS|BA-SALVADOR|SP-SANTOS|GO-GOIANIA|DF-BRASILIA|PE-RECIFE|CE-FORTALEZA|SC-JOINVILLE|PR-LONDRINA|SP-SOROCABA|ES-VITORIA|MG-UBERLANDIA|SP-OSASCO|RJ-NITEROI|SC-BLUMENAU|PA-BELEM|MT-CUIABA|RS-CAXIAS DO SUL".split("|")
DEALERS = "TOYOTA OF|HONDA|FORD LINCOLN|AUTO GROUP|CHEVROLET|www.|.com|MOTORS|SUBARU|NISSAN|UNIVERSITY|ALUMNI|HYUNDAI|JEEP DODGE|Autohaus|AUTO CENTRUM|BMW|CITY|WILDCATS|Volkswagen|SKODA|GARAGE|(555) 010-0199|CARS|SALES SERVICE|AUTOMOVEIS|VEICULOS|CONCESSIONARIA".split("|")
MODELS = "COROLLA|CAMRY|CIVIC|ACCORD|F-150|SILVERADO|EXPLORER|TAHOE|ALTIMA|SENTRA|ELANTRA|SONATA|OUTBACK|FORESTER|WRANGLER|CHEROKEE|LARAMIE|4x4|AWD|V6|TDI|GTI|TURBO|HYBRID|LIMITED|SPORT|LE|XLE|SE|EX-L|GL|OCTAVIA|FABIA|GOLF|PASSAT|POLO|A4|320i|C 220 CDI|CLIO|MEGANE|PUNTO|PALIO|UNO MILLE|GOL|CELTA|CORSA|FIESTA|FOCUS|1.0|1.6 16V|FLEX|TOYOTA|HONDA|FORD|CHEVROLET|NISSAN|HYUNDAI|KIA|DODGE|GMC|MAZDA|VOLVO|MAXIMA|PATHFINDER|ESCAPE|SIENNA|QUATTRO|EcoBoost|POLICE|TAXI|SCHOOL BUS|EMERGENCY|HOW'S MY DRIVING|CAUTION|FREE|DELIVERY|PLUMBING|ELECTRIC".split("|")


class Rand:
    """Random choices in a few words."""

    def __init__(self, *seed):
        self.g = np.random.default_rng(seed)

    def __call__(self, low, high):
        return low + (high - low) * self.g.random()

    def chance(self, p):
        return self.g.random() < p

    def pick(self, items):
        return items[int(self.g.integers(len(items)))]

    def whole(self, low, high):  # both included
        return int(self.g.integers(low, high + 1))

    def normal(self, sd):
        return float(self.g.normal() * sd)


def rgb(h):
    return tuple(int(h[i : i + 2], 16) for i in (1, 3, 5))


def vary(r, c, by=18):
    return tuple(int(min(255, max(0, v + r.normal(by)))) for v in c)


def ramp(colours, w, h):
    """A ground that runs through colours from top to bottom."""
    img = Image.new("RGB", (1, len(colours)))
    img.putdata([tuple(int(v) for v in c) for c in colours])
    return img.resize((w, h), Image.BILINEAR)


def noise(r, w, h, cell, sd):
    """Soft noise whose spots are about cell pixels wide; h x w."""
    small = r.g.normal(0, sd, (max(2, h // cell + 2), max(2, w // cell + 2))).astype(np.float32)
    return np.asarray(Image.fromarray(small, "F").resize((w, h), Image.BICUBIC))


def pattern_text(r, pattern, letters):
    letters = letters or (LETTERS if r.chance(0.8) else LETTERS + "IOQ")
    return "".join(r.pick(letters) if c == "A" else r.pick(DIGITS) if c == "9" else c for c in pattern)


def vanity(r):
    """Letters and digits as people choose them."""
    n = r.whole(3, 8)
    every = LETTERS + "IOQ"
    s = "".join(r.pick(every) if r.chance(0.65) else r.pick(DIGITS) for _ in range(n))
    if n > 4 and r.chance(0.3):
        k = r.whole(2, n - 2)
        s = s[:k] + " " + s[k:]
    return s


class Plate:
    """A plate on a piece of car: the picture, where its characters are, what they say."""

    def __init__(self, r, w, h):
        self.r, self.w, self.h = r, w, h
        self.text = ""
        self.box = None  # of the characters, in the plate

    def word(self, text, font, height, x, y, colour, anchor="mm", tight=None):
        """Writes other words, their middle at x, y; narrowed to tight pixels."""
        if not text:
            return
        f = face(font, max(6, int(height * 1.35)))
        l, t, rr, b = f.getbbox(text)
        m = Image.new("L", (max(1, rr - l), max(1, b - t)), 0)
        ImageDraw.Draw(m).text((-l, -t), text, font=f, fill=255)
        if tight and m.width > tight:
            m = m.resize((max(1, int(tight)), m.height), Image.BILINEAR)
        self.img.paste(colour, (int(x - m.width / 2), int(y - m.height / 2)), m)

    def characters(self, text, font, colour, height, cx, cy, most, aspect, gap, emboss, separators="", swell=0):
        """Writes the plate's own characters around cx, cy, at most most pixels wide."""
        r, fixed = self.r, aspect / widths(font)
        mono = r.chance(0.25)  # every character in a cell of the same width
        parts, x = [], 0.0
        for c in text:
            if c in " -":
                parts.append((c, x, 0))
                x += height * (r.gap_wide if c == " " or not separators else r.gap_dash)
                continue
            g = glyph(font, c)
            w = g.width / 96 * fixed * height
            w = min(w, height * 0.95)
            if mono:
                cell = max(w, aspect * height)
                parts.append((c, x + (cell - w) / 2, w))
                x += cell + gap * height
            else:
                parts.append((c, x, w))
                x += w + gap * height
        total = max(1.0, x - gap * height)
        squeeze = min(1.0, most / total)
        left = cx - total * squeeze / 2
        mask = Image.new("L", self.img.size, 0)
        x0, x1 = 1e9, -1e9
        top = cy - height / 2
        for c, x, w in parts:
            px = left + x * squeeze
            if c in " -":
                if c == "-" and separators == "-":
                    d = ImageDraw.Draw(mask)
                    e = px + height * r.gap_dash * squeeze * 0.5 - gap * height * squeeze / 2
                    l = height * r.gap_dash * squeeze * 0.3
                    d.rectangle((e - l, cy - height * 0.05, e + l, cy + height * 0.06), fill=255)
                elif separators == "." :
                    d = ImageDraw.Draw(mask)
                    e, q = px + height * r.gap_wide * squeeze * 0.4, height * 0.06
                    d.ellipse((e - q, cy - q, e + q, cy + q), fill=255)
                continue
            w = max(2, round(w * squeeze))
            mask.paste(glyph(font, c).resize((w, max(2, round(height))), Image.BILINEAR), (round(px), round(top)))
            x0, x1 = min(x0, px), max(x1, px + w)
        if swell > 0:
            mask = mask.filter(ImageFilter.MaxFilter(3))
        elif swell < 0:
            mask = mask.filter(ImageFilter.MinFilter(3))
        if emboss:
            k = emboss
            self.img.paste((20, 20, 20), None, ImageChops.offset(mask, k, k).point(lambda v: v * 0.45))
            self.img.paste((255, 255, 255), None, ImageChops.offset(mask, -k, -k).point(lambda v: v * 0.5))
        self.img.paste(colour, None, mask)
        self.box = (x0, top, x1, top + height)
        self.text = "".join(c for c in text if c not in " -")


def shapes(r, img, w, h, strong):
    """Pictures behind the characters: hills, suns, stripes, blots, big faint forms."""
    over = img.copy()
    d = ImageDraw.Draw(over)
    for _ in range(r.whole(1, 4)):
        c = tuple(r.whole(40, 255) for _ in range(3))
        what = r.whole(0, 6)
        if what == 0:  # hills
            base, pts = r(0.3, 0.9) * h, [(0, h)]
            for i in range(r.whole(3, 9)):
                pts.append((i / 6 * w, base - r(0, 0.35) * h))
            d.polygon(pts + [(w, h)], fill=c)
        elif what == 1:  # a sun or a fruit
            q, x, y = r(0.1, 0.45) * h, r(0, 1) * w, r(0, 1) * h
            d.ellipse((x - q, y - q, x + q, y + q), fill=c)
        elif what == 2:  # a band
            y = r(0, 1) * h
            d.polygon([(0, y), (w, y + r.normal(0.2) * h), (w, y + r(0.1, 0.3) * h), (0, y + r(0.05, 0.3) * h)], fill=c)
        elif what == 3:  # rays or lines
            x = r(0, 1) * w
            for i in range(r.whole(4, 14)):
                d.line((x, h, r(-0.5, 1.5) * w, 0), fill=c, width=r.whole(1, 3))
        elif what == 4:  # a tree
            x, y, q = r(0, 1) * w, r(0.4, 1) * h, r(0.15, 0.5) * h
            d.rectangle((x - q * 0.08, y - q, x + q * 0.08, y), fill=c)
            d.ellipse((x - q * 0.5, y - 1.5 * q, x + q * 0.5, y - 0.5 * q), fill=c)
        elif what == 5:  # a state's outline, a bird, an animal: some polygon
            x, y, q = r(0.1, 0.9) * w, r(0.2, 0.8) * h, r(0.15, 0.5) * h
            d.polygon([(x + q * r(0.4, 1) * math.cos(a), y + q * r(0.4, 1) * math.sin(a)) for a in np.linspace(0, 6, r.whole(5, 12))], fill=c)
        else:  # waves
            y = r(0.2, 1) * h
            d.line([(x, y + h * 0.06 * math.sin(x / h * 6)) for x in range(0, w, 6)], fill=c, width=r.whole(1, 6))
    if r.chance(0.5):
        over = over.filter(ImageFilter.GaussianBlur(r(0.5, 3)))
    return Image.blend(img, over, strong)


def bolts(r, p):
    d = ImageDraw.Draw(p.img)
    q = p.h * r(0.02, 0.045)
    spots = [(0.2, 0.09), (0.8, 0.09)] + ([(0.2, 0.92), (0.8, 0.92)] if r.chance(0.5) else [])
    c = r.pick([(60, 60, 60), (150, 150, 150), (215, 215, 215), (90, 70, 50)])
    for x, y in spots:
        if r.chance(0.75):
            x, y = x * p.w + r.normal(3), y * p.h
            d.ellipse((x - q, y - q, x + q, y + q), fill=c)
            d.line((x - q * 0.6, y, x + q * 0.6, y), fill=(30, 30, 30))


def sticker(r, p, x, y, size):
    c = r.pick([(200, 40, 40), (40, 90, 180), (240, 200, 50), (60, 150, 80), (240, 240, 240), (230, 120, 40), (120, 60, 140)])
    d = ImageDraw.Draw(p.img)
    d.rectangle((x - size, y - size * 0.7, x + size, y + size * 0.7), fill=c)
    ink = (20, 20, 20) if sum(c) > 380 else (240, 240, 240)
    p.word(r.pick(["16", "2014", "JAN", "12", "APR 13", "08", "DEC", "2012", "09", "T", "6483921", "3"]), r.pick(r.words), size * 0.9, x, y, ink, tight=size * 1.8)


def frame(r, p, word):
    """A dealer's frame over the plate's edge."""
    d = ImageDraw.Draw(p.img)
    c = r.pick([(20, 20, 20), (35, 35, 40), (175, 178, 182), (205, 205, 205), (120, 110, 100), (150, 30, 40), (30, 50, 110)])
    low, high, side = r(4, 26), r(4, 24), r(2, 9)
    d.rectangle((0, 0, p.w, high), fill=c)
    d.rectangle((0, p.h - low, p.w, p.h), fill=c)
    d.rectangle((0, 0, side, p.h), fill=c)
    d.rectangle((p.w - side, 0, p.w, p.h), fill=c)
    inkf = (235, 235, 235) if sum(c) < 380 else (30, 30, 30)
    if low > 12 and r.chance(0.8):
        p.word(r.pick(DEALERS), word, low * 0.6, 153, p.h - low / 2, inkf, tight=250)
    if high > 12 and r.chance(0.6):
        p.word(r.pick(DEALERS), word, high * 0.6, 153, high / 2, inkf, tight=250)


def us(r, row, plate_fonts):
    region, _, pattern, letters = row
    p = Plate(r, 306, 152)
    name, slogans, inks, ground = STATES[region[3:]]
    free = r.chance(0.35)  # special plates, older ones, and states that will change theirs
    if free:
        light = r.chance(0.85)
        ground = [vary(r, (225, 225, 225) if light else (60, 70, 110), 30) for _ in range(r.whole(1, 3))]
        ink = vary(r, r.pick([(25, 30, 90), (20, 20, 20), (150, 30, 45), (25, 90, 50), (60, 40, 30)]) if light else (235, 235, 220), 18)
        name = r.pick(list(STATES.values()))[0]
        slogans = r.pick(list(STATES.values()))[1]
    else:
        ground = [vary(r, rgb(c), 8) for c in ground]
        ink = vary(r, rgb(r.pick(inks)), 14)
    p.img = ramp(ground, p.w, p.h)
    if r.chance(0.55):
        p.img = shapes(r, p.img, p.w, p.h, r(0.05, 0.5))
    font = r.pick(plate_fonts)
    word = r.pick(r.words)
    name = r.pick(name.split("|"))
    slogan = r.pick(slogans.split("|"))
    top = vary(r, ink, 30) if r.chance(0.6) else vary(r, (170, 40, 50), 50)
    height = r(66, 80)
    cy = 76 + r.normal(2.5)
    if r.chance(0.93):
        p.word(name, word, r(17, 28), 153 + r.normal(8), r(13, 20), top, tight=r(120, 250))
    if r.chance(0.8):
        p.word(slogan, r.pick(r.words), r(9, 17), 153 + r.normal(8), p.h - r(8, 15), top, tight=r(120, 260))
    text = vanity(r) if r.chance(0.12) else pattern_text(r, pattern, letters)
    if r.chance(0.15):
        text = text.replace("-", " ") if r.chance(0.5) else text.replace(" ", "-")
    if r.chance(0.05):
        text = text.replace(" ", "").replace("-", "")
    bare = text.replace(" ", "").replace("-", "")
    r.gap_wide, r.gap_dash = r(0.1, 0.45), r(0.2, 0.42)
    most = r(258, 292)
    cx = 153 + r.normal(2)
    small = ""
    if r.chance(0.05) and len(bare) <= 6:  # small letters one over the other, no part of the number
        small, most, cx = r.pick(["DV", "FP", "AM", "PT", "NG", "TRK", "UN", "EX"]), 230, 170
    separators = r.pick(["-", "", ".", ""]) if "-" in text else r.pick(["", "", "", "."])
    p.characters(text, font, ink, height, cx, cy, most, r(0.44, 0.62), r(0.07, 0.2), r.pick([0, 0, 1, 1, 2]), separators, r.pick([0, 0, 0, 1, -1]))
    if (" " in text or "-" in text) and r.chance(0.18) and not separators:  # a picture between the groups
        i = min(i for i in (text.find(" "), text.find("-")) if i >= 0)
        x0, _, x1, _ = p.box
        x = x0 + (x1 - x0) * (i + 0.35) / len(text)
        q = height * r(0.06, 0.13)
        d = ImageDraw.Draw(p.img)
        c = vary(r, r.pick([(200, 60, 50), (70, 130, 80), (90, 120, 190), (230, 160, 70)]), 25)
        d.ellipse((x - q, cy - 1.5 * q, x + q, cy + 1.5 * q), fill=c)
    for i, c in enumerate(small):
        p.word(c, font, 22, 30, 48 + i * 27, ink)
    if r.chance(0.5):
        for _ in range(r.whole(1, 2)):
            sticker(r, p, *r.pick([(24, 16), (282, 16), (24, 136), (282, 136), (60, 16), (246, 16)]), r(11, 19))
    if r.chance(0.6):
        bolts(r, p)
    d = ImageDraw.Draw(p.img)
    if r.chance(0.35):
        d.rectangle((1, 1, p.w - 2, p.h - 2), outline=vary(r, ink, 30), width=r.whole(1, 3))
    if r.chance(0.45):  # a frame over the edge
        frame(r, p, word)
    return p


def stars(d, x, y, q, c):
    for i in range(12):
        a = i * math.pi / 6
        d.point((x + q * math.cos(a), y + q * math.sin(a)), fill=c)


def eu(r, row, plate_fonts):
    region, _, pattern, letters = row
    p = Plate(r, 470, 102)
    yellow = region in ("NL", "LU") and r.chance(0.8) or region == "GB" and r.chance(0.5) or r.chance(0.03)
    dark = region not in ("DE", "AT") and r.chance(0.04)
    ground = vary(r, (235, 195, 50) if yellow else (30, 30, 34) if dark else (236, 238, 238), 8)
    p.img = ramp([ground, vary(r, ground, 4)], p.w, p.h)
    ink = vary(r, (225, 225, 225) if dark else (22, 22, 26) if region not in ("BE", "AT") or r.chance(0.3) else (150, 30, 40), 8)
    if region in ("SE", "PL") and r.chance(0.05):
        ink = vary(r, (40, 110, 60), 10)
    d = ImageDraw.Draw(p.img)
    left, right = 10, p.w - 10
    if r.chance(0.82):
        blue = vary(r, (20, 60, 150), 14)
        d.rectangle((0, 0, 40, p.h), fill=blue)
        for i in range(12):
            a = i * math.pi / 6
            x, y = 20 + 11 * math.cos(a), 30 + 11 * math.sin(a)
            d.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=(240, 210, 60))
        p.word({"DE": "D", "IT": "I", "FR": "F", "AT": "A", "HU": "H", "ES": "E", "PT": "P", "SI": "SLO", "BE": "B", "SE": "S", "NO": "N", "FI": "FIN", "IE": "IRL", "RS": "SRB", "BA": "BIH"}.get(region, region), r.pick(r.words), 20, 20, 78, (240, 240, 240), tight=34)
        left = 48
    if region in ("IT", "FR") and r.chance(0.6):
        d.rectangle((p.w - 40, 0, p.w, p.h), fill=vary(r, (20, 60, 150), 14))
        p.word(r.pick(["75", "13", "2A", "69", "RM", "33", "92", "06"]), r.pick(r.words), 18, p.w - 20, 76, (240, 240, 240), tight=32)
        right = p.w - 48
    text = vanity(r).replace(" ", "")[:7] if r.chance(0.03) else pattern_text(r, pattern, letters)
    font = r.pick(plate_fonts)
    r.gap_wide, r.gap_dash = r(0.25, 0.8), r(0.25, 0.6)
    height = r(68, 78)
    hyphen = "-" if "-" in text and r.chance(0.55 if region != "DE" else 0.15) else ""
    p.characters(text, font, ink, height, (left + right) / 2 + r.normal(2), 51 + r.normal(1.5), right - left - r(0, 24), r(0.5, 0.68), r(0.09, 0.22), r.pick([0, 0, 1, 1]), hyphen, r.pick([0, 0, 0, 1, -1]))
    d = ImageDraw.Draw(p.img)
    seals = [i for i, c in enumerate(text) if c in " -"]
    if seals and not hyphen and r.chance(0.7 if region in ("DE", "CZ", "SK", "AT", "HR", "SI") else 0.2):  # seals, arms
        # where the gap is, by the same arithmetic as the characters
        x0, _, x1, _ = p.box
        n = len(text)
        i = seals[0]
        fixed = sum(r.gap_wide if c in " -" else 0.75 for c in text)
        x = x0 + (x1 - x0) * (sum(r.gap_wide if c in " -" else 0.75 for c in text[:i]) + r.gap_wide * 0.4) / fixed
        q = min(height * 0.16, height * r.gap_wide * 0.38)
        for y in ([51 - height * 0.24, 51 + height * 0.22] if r.chance(0.6) else [51]):
            c = r.pick([(70, 120, 60), (190, 150, 60), (180, 60, 60), (60, 90, 160), (200, 200, 200), (150, 110, 70), (220, 120, 40)])
            d.ellipse((x - q, y - q, x + q, y + q), fill=vary(r, c, 20))
            if r.chance(0.5):
                d.ellipse((x - q * 0.5, y - q * 0.5, x + q * 0.5, y + q * 0.5), fill=vary(r, (220, 220, 210), 20))
    if r.chance(0.45):
        d.rectangle((1, 1, p.w - 2, p.h - 2), outline=ink, width=r.whole(1, 3))
    if r.chance(0.6):  # a holder below, with a garage's name
        c = r.pick([(18, 18, 20), (30, 30, 34), (60, 60, 64), (190, 190, 190)])
        low = r(10, 26)
        bigger = Image.new("RGB", (p.w + 12, p.h + 8 + int(low)), c)
        bigger.paste(p.img, (6, 6))
        p.img = bigger
        p.word(r.pick(DEALERS), r.pick(r.words), low * 0.6, bigger.width / 2, bigger.height - low * 0.5, (225, 225, 225) if sum(c) < 380 else (30, 30, 30), tight=300)
        x0, y0, x1, y1 = p.box
        p.box = (x0 + 6, y0 + 6, x1 + 6, y1 + 6)
        p.w, p.h = bigger.size
    return p


def br(r, row, plate_fonts):
    region, _, pattern, letters = row
    p = Plate(r, 400, 130)
    new = pattern == "AAA9A99"
    font = r.pick(plate_fonts)
    word = r.pick(r.words)
    text = pattern_text(r, pattern, letters)
    r.gap_wide, r.gap_dash = r(0.2, 0.4), r(0.25, 0.5)
    if new:
        ground, ink = vary(r, (238, 240, 240), 6), vary(r, (22, 22, 26) if r.chance(0.8) else (170, 40, 50), 8)
    else:
        ground, ink = (vary(r, (lambda g: (g, g + 2, g + 4))(r.whole(135, 200)), 7), vary(r, (24, 24, 26), 10))
        if r.chance(0.14):
            ground, ink = vary(r, (170, 36, 44), 12), vary(r, (235, 235, 235), 8)
        elif r.chance(0.05):
            ground, ink = vary(r, (235, 235, 235), 8), vary(r, (40, 60, 140), 15)
    p.img = ramp([ground, vary(r, ground, 5)], p.w, p.h)
    d = ImageDraw.Draw(p.img)
    if new:
        d.rectangle((0, 0, p.w, 28), fill=vary(r, (20, 50, 140), 12))
        p.word("BRASIL", word, 16, 200, 14, (240, 240, 240))
        cy, height = 79 + r.normal(2), r(66, 76)
    else:
        city = r.pick(CITIES)
        if r.chance(0.5):
            city = city.replace("-", " - ")
        p.word(city, word, r(14, 21), 200 + r.normal(6), r(15, 21), ink, tight=r(150, 300))
        cy, height = 80 + r.normal(2), r(64, 76)
    p.characters(text, font, ink, height, 200 + r.normal(4), cy, r(350, 385), r(0.48, 0.66), r(0.1, 0.22), r.pick([0, 0, 1, 1]), r.pick(["-", ".", "", "."]) if "-" in text else "", r.pick([0, 0, 0, 1, -1]))
    d = ImageDraw.Draw(p.img)
    if r.chance(0.5):
        d.rectangle((1, 1, p.w - 2, p.h - 2), outline=vary(r, ink, 15), width=r.whole(1, 4))
    if r.chance(0.4):
        bolts(r, p)
    if r.chance(0.4):  # the seal's wire
        x, y = r(0.3, 0.7) * p.w, r(0.75, 0.98) * p.h
        d.ellipse((x - 5, y - 5, x + 5, y + 5), fill=(120, 110, 90))
    return p


def car(r, w, h):
    """A piece of a car's body, without a plate."""
    paint = r.pick([(30, 30, 33), (60, 62, 66), (150, 153, 156), (190, 193, 196), (225, 226, 226), (120, 25, 30), (30, 45, 90), (40, 70, 50), (140, 120, 90), (15, 15, 16)])
    a = np.asarray(ramp([vary(r, paint, 14) for _ in range(r.whole(2, 4))], w // 4, h // 4), np.float32)
    a = a * r(0.7, 1.1) + noise(r, w // 4, h // 4, r.whole(2, 12), r(2, 14))[:, :, None]
    img = Image.fromarray(np.clip(a, 0, 255).astype(np.uint8)).resize((w, h), Image.BILINEAR)
    d = ImageDraw.Draw(img)
    for _ in range(r.whole(0, 5)):  # edges, slots of a bumper, a grille, chrome
        c = vary(r, r.pick([(15, 15, 15), paint, (210, 210, 210), (50, 50, 50)]), 15)
        y = r(0, 1) * h
        d.line((0, y, w, y + r.normal(0.08) * h), fill=c, width=r.whole(1, 12))
    for _ in range(r.whole(0, 2)):
        x, y, q = r(0, 1) * w, r(0, 1) * h, r(5, 40)
        d.rectangle((x, y, x + q * 2, y + q), fill=vary(r, r.pick([(180, 30, 30), (220, 220, 220), (20, 20, 20), (230, 150, 50)]), 15))
    return img


def scene(r, rows, plate_fonts, kind):
    """A plate before a piece of car: Plate whose img is the whole, box in it."""
    row = r.pick_row(kind)
    return mounted(r, {"us": us, "eu": eu, "br": br}[kind](r, row, plate_fonts))


def mounted(r, p):
    """The plate before a piece of car."""
    pad = int(p.h * 0.5)
    body = car(r, p.w + 2 * pad, p.h + 2 * pad)
    if r.chance(0.5):  # the shadow it throws
        s = Image.new("L", body.size, 0)
        ImageDraw.Draw(s).rectangle((pad + 3, pad + 4, pad + p.w + 4, pad + p.h + 6), fill=r.whole(60, 200))
        body.paste((8, 8, 8), None, s.filter(ImageFilter.BoxBlur(3)))
    body.paste(p.img, (pad, pad))
    p.plate = (pad, pad, pad + p.w, pad + p.h)
    p.img = body
    p.box = tuple(v + pad for v in p.box)
    return p


def lettering(r):
    """What stands on cars and in pictures and is no plate."""
    p = Plate(r, 420, 130)
    p.img = car(r, p.w, p.h)
    what = r.whole(0, 3)
    if what == 0:
        text = r.pick(MODELS)
    elif what == 1:
        text = r.pick(DEALERS) + (" " + r.pick(MODELS) if r.chance(0.5) else "")
    elif what == 2:
        text = f"20{r.whole(10, 29)}-{r.whole(1, 12):02d}-{r.whole(1, 28):02d} {r.whole(0, 23):02d}:{r.whole(0, 59):02d}:{r.whole(0, 59):02d}" if r.chance(0.6) else f"{r.whole(200, 999)}-555-01{r.whole(0, 99):02d}"
    else:
        state = r.pick(list(STATES.values()))
        text = r.pick(r.pick(state[:2]).split("|")) or "STATE"
        if r.chance(0.5):
            text = r.pick(CITIES)
    c = r.pick([(225, 225, 228), (20, 20, 22), (180, 30, 35), (190, 190, 195), (30, 60, 130)])
    font = r.pick(r.words)
    height = r(45, 70)
    f = face(font, int(height * 1.3))
    l, t, rr, b = f.getbbox(text)
    m = Image.new("L", (max(1, rr - l), max(1, b - t)), 0)
    ImageDraw.Draw(m).text((-l, -t), text, font=f, fill=255)
    if m.width > 340:
        m = m.resize((340, max(8, int(m.height * 340 / m.width * r(1, 1.6)))), Image.BILINEAR)
    x, y = 210 - m.width // 2, 65 - m.height // 2
    if r.chance(0.4):
        d = ImageDraw.Draw(p.img)
        d.rectangle((x - 8, y - 6, x + m.width + 8, y + m.height + 6), fill=vary(r, r.pick([(235, 235, 235), (20, 20, 20), (200, 30, 40), (240, 200, 60)]), 10))
    if r.chance(0.5):
        p.img.paste((10, 10, 10), (x + 2, y + 2), m.point(lambda v: v * 0.5))
    p.img.paste(vary(r, c, 10), (x, y), m)
    p.box = (x, y, x + m.width, y + m.height)
    return p


def perspective(quad, w, h):
    """Coefficients for Image.transform: output w x h taken from quad (tl, tr, br, bl)."""
    a, b = [], []
    for (u, v), (x, y) in zip(((0, 0), (w, 0), (w, h), (0, h)), quad):
        a += [[u, v, 1, 0, 0, 0, -x * u, -x * v], [0, 0, 0, u, v, 1, -y * u, -y * v]]
        b += [x, y]
    return np.linalg.solve(np.asarray(a, float), np.asarray(b, float))


def shoot(r, p, kind):
    """The crop a reader cuts out of a camera's picture, as the recogniser gets it."""
    x0, y0, x1, y1 = p.box
    ch = y1 - y0
    u = r.g.random()
    if kind == "none" and u > 0.55:
        u *= 0.5
    if u < 0.5:  # as the text detector draws it
        ml, mr = r(-0.04, 0.35) * ch, r(-0.04, 0.35) * ch
        mt, mb = r(-0.05, 0.3) * ch, r(-0.05, 0.3) * ch
    elif u < 0.82:  # with what is around
        ml, mr = r(0, 0.8) * ch, r(0, 0.8) * ch
        mt, mb = r(0.05, 0.55) * ch, r(0.05, 0.55) * ch
    else:  # the plate's edges, and a little more
        e = 0.12 * ch
        ml, mt = x0 - p.plate[0] + r(-0.3, 1) * e, y0 - p.plate[1] + r(-0.5, 1) * e
        mr, mb = p.plate[2] - x1 + r(-0.3, 1) * e, p.plate[3] - y1 + r(-0.5, 1) * e
        mt, mb = min(mt, ch * 0.7), min(mb, ch * 0.7)
    l, t, rr, b = x0 - ml, y0 - mt, x1 + mr, y1 + mb
    w, h = rr - l, b - t
    turn, shear = math.radians(r.normal(1.6)), r.normal(0.06)
    key_x, key_y = r.normal(0.015), r.normal(0.03)
    cx, cy = (l + rr) / 2, (t + b) / 2
    quad = []
    for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        x = sx * w / 2 * (1 + key_x * sy)
        y = sy * h / 2 * (1 + key_y * sx)
        x += shear * y
        x, y = x * math.cos(turn) - y * math.sin(turn), x * math.sin(turn) + y * math.cos(turn)
        quad.append((cx + x + r.normal(0.012) * ch, cy + y + r.normal(0.012) * ch))
    # How many pixels the camera had for a character's height.
    pixels = math.exp(r(math.log(10.5), math.log(62)))
    k = pixels / ch
    img = p.img
    if k < 0.6:
        n = max(1, int(round(0.8 / k)))
        img = img.reduce(n)
        quad = [(x / n, y / n) for x, y in quad]
    ow, oh = max(24, round(w * k * r(0.7, 1.05))), max(10, round(h * k))
    img = img.transform((ow, oh), Image.PERSPECTIVE, perspective(quad, ow, oh), Image.BILINEAR)
    a = light(r, np.asarray(img, np.float32), pixels)
    img = Image.fromarray(np.clip(a, 0, 255).astype(np.uint8))
    if r.chance(0.75):
        buf = io.BytesIO()
        img.save(buf, "JPEG", quality=r.whole(22, 95))
        img = Image.open(buf).convert("RGB")
    return np.asarray(img.resize((WIDTH, HEIGHT), Image.BILINEAR))


def light(r, a, pixels):
    """Light, dirt, lens and sensor, on float RGB."""
    h, w, _ = a.shape
    if r.chance(0.2):  # shadow of a car's edge, a tree, a post
        x = np.linspace(0, 1, w)[None, :]
        y = np.linspace(0, 1, h)[:, None]
        ang = r(0, 2 * math.pi)
        s = (x - r(0.1, 0.9)) * math.cos(ang) + (y - r(0.1, 0.9)) * math.sin(ang)
        a = a * (1 - (1 / (1 + np.exp(-s * r(8, 120)))) * r(0.3, 0.75))[:, :, None]
    if r.chance(0.12):  # glare
        x = (np.arange(w)[None, :] - r(0, 1) * w) / (r(0.1, 0.5) * w)
        y = (np.arange(h)[:, None] - r(0, 1) * h) / (r(0.2, 1) * h)
        a = a + (np.exp(-(x * x + y * y)) * r(40, 190))[:, :, None]
    if r.chance(0.22):  # dirt, rust, snow
        n = noise(r, w, h, max(2, int(h * r(0.05, 0.4))), 1.0)
        c = np.asarray(r.pick([(90, 75, 60), (60, 60, 60), (130, 120, 105), (225, 228, 232)]), np.float32)
        m = np.clip((n - r(0.4, 1.4)) * r(0.6, 2), 0, r(0.3, 0.9))[:, :, None]
        a = a * (1 - m) + c * m
    if r.chance(0.15):  # leaves and reflections
        a = a + noise(r, w, h, max(2, int(h * r(0.2, 0.8))), r(6, 30))[:, :, None]
    # exposure, contrast, colour of the light
    night = r.chance(0.1)
    gain = r(0.2, 0.5) if night else math.exp(r.normal(0.25))
    contrast = r(0.65, 1.15) if r.chance(0.7) else r(0.35, 0.9)
    m = a.mean()
    a = ((a - m) * contrast + m) * gain + r.normal(12)
    if r.chance(0.45):
        a = a * (1 + r.g.normal(0, 0.06, 3)).astype(np.float32)
    if r.chance(0.12):
        a = np.repeat(a.mean(2, keepdims=True), 3, 2)
    a = np.clip(a, 0, 255)
    if r.chance(0.6):  # lens, motion
        img = Image.fromarray(a.astype(np.uint8))
        if r.chance(0.3):
            n = int(min(r(0.05, 0.28) * pixels, w / 6))
            if n > 1:
                k = np.asarray(img, np.float32)
                sl = r.normal(0.25)
                acc = np.zeros_like(k)
                for i in range(n + 1):
                    acc += np.roll(k, (round((i - n / 2) * sl), i - n // 2), (0, 1))
                img = Image.fromarray((acc / (n + 1)).astype(np.uint8))
        else:
            img = img.filter(ImageFilter.GaussianBlur(r(0.01, 0.075) * pixels))
        if r.chance(0.15):
            img = img.filter(ImageFilter.UnsharpMask(r(1, 2.5), r.whole(60, 200), 2))
        a = np.asarray(img, np.float32)
    sd = abs(r.normal(9 if night else 5))
    if sd > 1:
        if r.chance(0.4):
            a = a + r.g.normal(0, sd, (h, w, 1)).astype(np.float32)
        else:
            a = a + r.g.normal(0, sd, a.shape).astype(np.float32)
    return a


class Maker:
    """Draws the crops of a split."""

    def __init__(self, split, npm, seed=1):
        self.split, self.seed = split, seed
        plates, words, held = fonts(npm)
        self.held = split == "val"
        self.plates, self.words = (held if self.held else plates), words
        self.rows = {}
        for row in formats():
            kind = "us" if row[0].startswith("US-") else "br" if row[0] == "BR" else "eu"
            state = row[0][3:] if kind == "us" else ""
            if kind == "us" and (state in HELD_STATES) != self.held:
                continue
            self.rows.setdefault(kind, []).append(row)
        self.weights = {k: np.cumsum([x[1] for x in v]) / sum(x[1] for x in v) for k, v in self.rows.items()}

    def one(self, shard, index):
        """Returns crop (HEIGHT x WIDTH x 3, uint8), text, kind."""
        r = Rand(self.seed, 1 if self.held else 0, shard, index)
        r.words = self.words
        r.pick_row = lambda kind: self.rows[kind][int(np.searchsorted(self.weights[kind], r.g.random()))]
        u = r.g.random()
        kind = "us" if u < 0.52 else "eu" if u < 0.78 else "br" if u < 0.89 else "none"
        if kind != "none":
            p = scene(r, None, self.plates, kind)
            return shoot(r, p, kind), p.text, kind
        if r.chance(0.65):
            p = lettering(r)
            p.plate = p.box
        else:  # a part of a plate, or the line above or below its characters
            p = scene(r, None, self.plates, r.pick(["us", "us", "eu", "br"]))
            x0, y0, x1, y1 = p.box
            px0, py0, px1, py1 = p.plate
            what = r.whole(0, 3)
            if what == 0 and y0 - py0 > 15:
                p.box = (x0 + r(0, 0.3) * (x1 - x0), py0, x1 - r(0, 0.3) * (x1 - x0), y0 - 2)
            elif what == 1 and py1 - y1 > 12:
                p.box = (x0 + r(0, 0.3) * (x1 - x0), y1 + 2, x1 - r(0, 0.3) * (x1 - x0), py1)
            elif what == 2:
                p.box = (x0, y0, x0 + r(0.15, 0.45) * (x1 - x0), y1)
            else:
                p.box = (x1 - r(0.15, 0.45) * (x1 - x0), y0, x1, y1)
        u = r.g.random
        return shoot(r, p, "none"), "", "none"


def main():
    """draw.py SPLIT SHARD COUNT NPM OUT: one shard of crops (raw RGB) and labels."""
    split, shard, count, npm, out = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
    m = Maker(split, npm)
    name = os.path.join(out, f"{split}-{shard:03d}")
    with open(name + ".rgb", "wb") as pics, open(name + ".tsv", "w") as labels:
        for i in range(count):
            a, text, kind = m.one(shard, i)
            pics.write(a.tobytes())
            labels.write(f"{text}\t{kind}\n")


if __name__ == "__main__":
    main()
