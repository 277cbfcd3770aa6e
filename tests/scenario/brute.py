"""Search by brute force: the values of R4's search parameters taken from JSON,
and the rules by which they match (R4, 3.1.1.4), written after the specification
and not after the program. For the expressions of the package that are paths,
unions of paths, as, where(resolve() is T), where(a='b') and exists()."""
import datetime
import json
import re
import unicodedata
from fractions import Fraction

UTC = datetime.timezone.utc


class Unknown(Exception):
    """The expression needs more than is known here."""


# Values.

def children(item, name):
    """What a FHIRPath step gives, with the name that the JSON has it under."""
    if not isinstance(item, dict):
        return []
    out = []
    for key in [name] + [k for k in item if re.fullmatch(name + '[A-Z][A-Za-z0-9]*', k)]:
        if key != name and key[len(name):] not in CHOICES:
            continue
        if key in item:
            values = item[key] if isinstance(item[key], list) else [item[key]]
            out += [(key[len(name):] or None, v) for v in values]
    return out


CHOICES = {'Quantity', 'CodeableConcept', 'String', 'Boolean', 'DateTime', 'Period', 'Date', 'Age',
           'Range', 'Reference', 'Integer', 'Time', 'SampledData', 'Ratio', 'Timing', 'Uri',
           'Instant', 'Coding', 'Identifier', 'Decimal', 'Code'}


def split_top(text, sep):
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c == '(') - (c == ')')
        if c == sep and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [p.strip() for p in parts + [text[start:]]]


def typed(items, name):
    return [(t, v) for t, v in items if t and t.lower() == name.lower()]


def step(items, part, first, resource):
    call = re.fullmatch(r'(\w+)\((.*)\)', part, re.S)
    if not call:
        if not re.fullmatch(r'\w+', part):
            raise Unknown(part)
        if first and part in (resource['resourceType'], 'Resource', 'DomainResource'):
            return items
        if first and part[0].isupper():
            return []
        return [c for _, v in items for c in children(v, part)]
    name, inside = call.groups()
    if name in ('as', 'ofType'):
        return typed(items, inside)
    if name == 'exists' and not inside:
        return [('Boolean', bool(items))]
    if name == 'where':
        m = re.fullmatch(r'resolve\(\) is (\w+)', inside)
        if m:
            return [(t, v) for t, v in items
                    if re.search(r'(^|/)%s/' % m.group(1), v.get('reference', ''))]
        m = re.fullmatch(r"(\w+)\s*=\s*'([^']*)'", inside)
        if m:
            return [(t, v) for t, v in items if v.get(m.group(1)) == m.group(2)]
    raise Unknown(part)


def evaluate(expression, resource, items=None):
    """Items: (type of a choice or None, value)."""
    items = [(None, resource)] if items is None else items
    out = []
    for branch in split_top(expression, '|'):
        m = re.fullmatch(r'(.*) as (\w+)', branch) if not branch.startswith('(') else None
        if branch.startswith('('):
            end = next(i for i in range(len(branch)) if branch[:i + 1].count('(') ==
                       branch[:i + 1].count(')') and i)
            found = evaluate(branch[1:end], resource, items)
            rest = branch[end + 1:].lstrip('.')
            parts, first = split_top(rest, '.') if rest else [], False
        elif m:
            out += typed(evaluate(m.group(1), resource, items), m.group(2))
            continue
        else:
            found, parts, first = items, split_top(branch, '.'), True
        for part in parts:
            found = step(found, part, first, resource)
            first = False
        out += found
    return out


# Matching.

def fold(text):
    text = unicodedata.normalize('NFKD', text.casefold())
    text = ''.join(c for c in text if not unicodedata.combining(c))
    return ' '.join(text.casefold().split())


def tokens(items):
    """(system or None, code, is the system told)."""
    for _, v in items:
        if isinstance(v, bool):
            yield None, 'true' if v else 'false', False
        elif not isinstance(v, dict):
            yield None, str(v), False
        elif 'coding' in v or 'text' in v:
            for c in v.get('coding', []):
                if 'code' in c or 'system' in c:
                    yield c.get('system'), c.get('code'), True
        elif 'code' in v:
            yield v.get('system'), v['code'], True
        elif 'value' in v:
            contact = v.get('system') in ('phone', 'email', 'fax', 'pager', 'url', 'sms', 'other')
            yield None if contact else v.get('system'), v['value'], not contact


def texts(items):
    for _, v in items:
        if isinstance(v, dict):
            yield from (c['display'] for c in v.get('coding', []) if 'display' in c)
            if 'text' in v:
                yield v['text']
            if 'display' in v:
                yield v['display']
            if isinstance(v.get('type'), dict) and 'text' in v['type']:
                yield v['type']['text']


def strings(items):
    parts = ('text', 'family', 'given', 'prefix', 'suffix', 'line', 'city', 'district', 'state',
             'postalCode', 'country')
    for _, v in items:
        if isinstance(v, str):
            yield v
        elif isinstance(v, dict):
            for p in parts:
                got = v.get(p, [])
                yield from got if isinstance(got, list) else [got]


def moment(text):
    """From and to of a date as it is written; the end is not in it."""
    m = re.fullmatch(r'(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?'
                     r'(Z|[+-]\d\d:\d\d)?)?)?)?', text)
    year, month, day, hour, minute, second, fraction, zone = m.groups()
    start = datetime.datetime(int(year), int(month or 1), int(day or 1), int(hour or 0),
                              int(minute or 0), int(second or 0), tzinfo=UTC)
    if zone and zone != 'Z':
        sign = -1 if zone[0] == '-' else 1
        start -= sign * datetime.timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    if not month:
        end = start.replace(year=start.year + 1)
    elif not day:
        end = start.replace(year=start.year + (start.month == 12), month=start.month % 12 + 1)
    elif not hour:
        end = start + datetime.timedelta(days=1)
    elif not second:
        end = start + datetime.timedelta(minutes=1)
    elif not fraction:
        end = start + datetime.timedelta(seconds=1)
    else:
        width = Fraction(1, 10 ** (len(fraction) - 1))
        micro = Fraction(fraction) * 1000000
        start += datetime.timedelta(microseconds=int(micro))
        end = start + datetime.timedelta(microseconds=max(1, int(width * 1000000)))
    return start, end


MIN = datetime.datetime.min.replace(tzinfo=UTC)
MAX = datetime.datetime.max.replace(tzinfo=UTC)


def dates(items):
    for _, v in items:
        if isinstance(v, str):
            yield moment(v)
        elif 'start' in v or 'end' in v:
            yield (moment(v['start'])[0] if 'start' in v else MIN,
                   moment(v['end'])[1] if 'end' in v else MAX)


def compare(prefix, low, high, from_, to):
    """R4, 3.1.1.4.4: the resource's range low..high against from_..to; ends are
    not in them."""
    inside = from_ <= low and high <= to
    return {'eq': inside, 'ne': not inside, 'gt': high > to, 'lt': low < from_,
            'ge': high > to or inside, 'le': low < from_ or inside,
            'sa': low >= to, 'eb': high <= from_}[prefix]


# What a unit is in units that others share; those that are not here share none.
UNITS = {'mg/dL': ('g/L', Fraction(1, 100)), 'g/dL': ('g/L', Fraction(10)),
         'ng/mL': ('g/L', Fraction(1, 10**6)), 'pg/mL': ('g/L', Fraction(1, 10**9)),
         'mm[Hg]': ('Hg', Fraction(1)), 'kg': ('g', Fraction(1000)),
         'pg': ('g', Fraction(1, 10**12)), 'cm': ('m', Fraction(1, 100)),
         'kg/m2': ('kg/m2', Fraction(1)), '/min': ('/min', Fraction(1)), 'Cel': ('Cel', Fraction(1)),
         'mmol/L': ('mol/L', Fraction(1, 1000)), 'U/L': ('U/L', Fraction(1)),
         'fL': ('fL', Fraction(1))}


def quantities(items):
    for _, v in items:
        if isinstance(v, dict) and 'value' in v and 'comparator' not in v:
            yield Fraction(v['value']), v.get('system'), v.get('code'), v.get('unit')


def number_range(text):
    """What the digits of a number leave open (R4, 3.1.1.4.3)."""
    digits, _, power = text.partition('e')
    places = len(digits.partition('.')[2]) - int(power or 0)
    value, half = Fraction(text), Fraction(1, 2) * Fraction(10) ** -places
    return value, value - half, value + half


def number_passes(prefix, text, value, factor=1):
    exact, low, high = number_range(text)
    exact, low, high = exact * factor, low * factor, high * factor
    return {'eq': low <= value < high, 'ne': not low <= value < high, 'gt': value > exact,
            'lt': value < exact, 'ge': value >= exact, 'le': value <= exact, 'sa': value > exact,
            'eb': value < exact}[prefix]


def quantity_passes(prefix, asked, found):
    """asked: number, system, code; any of the last two may be None."""
    text, system, code = asked
    value, has_system, has_code, unit = found
    if code is None:
        return number_passes(prefix, text, value)
    if system is None:
        return code in (has_code, unit) and number_passes(prefix, text, value)
    mine, theirs = UNITS.get(code), UNITS.get(has_code)
    if system != has_system or not mine or not theirs or mine[0] != theirs[0]:
        return False
    return number_passes(prefix, text, value * theirs[1], mine[1])


def load(text):
    """JSON whose decimals keep their digits."""
    return json.loads(text, parse_float=Fraction)
