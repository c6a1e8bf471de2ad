/* The bodies in an NTU RGB+D file, many times faster than ntu.py reads any file.

Nothing is guessed: where a line is not as expected, or a number is no finite decimal, there is no answer, and ntu.py
reads the file or tells what is wrong with it, in which line. Blanks are as there: all characters up to the space.

Digits make a whole number, which is multiplied or divided by a power of ten. Mostly both are exact in double, so the
result is the double nearest to the decimal, the same as Python's float() gives. Otherwise it is a few roundings off.
It counts where all doubles so near round to the same float; where they do not, there is no answer. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if !defined(FLT_EVAL_METHOD) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1)
#error "quotients of double are not rounded to double here, so numbers would differ; ntu.py needs no module"
#endif

#define JOINTS 25
#define BODY_VALUES 10
#define JOINT_VALUES 12
#define DIGITS 18                   /* of a whole number; so many fit in 63 bits */
#define EXACT (UINT64_C(1) << 53)   /* whole numbers up to here are exact in double */
#define TENFOLD 22                  /* powers of ten up to here are */
#define FEW_ROUNDINGS 0x1p-50       /* of a double, relative: more than its digits left out and four operations */
#define USUAL_BODY 3000             /* characters */

static const double TENS[TENFOLD + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                               1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                               1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

typedef unsigned char Char; /* a text ends with a NUL and has no other, so it needs no end to be known */

typedef struct { /* BODY in ntu.py */
    int64_t frame, place, identity;
    float positions[JOINTS][3]; /* NaN where a joint was not measured */
    uint8_t states[JOINTS];
    uint8_t unused[3];
} Body;

typedef struct {
    int64_t frames;
    Body *bodies;
    size_t count, room;
} Found;

typedef enum { PLAIN, STRANGE, NO_MEMORY } Outcome;

static int is_digit(Char c) { return c >= '0' && c <= '9'; }

/* What follows reads from some place on and gives the place behind, or NULL where something else stands. */

static const Char *blanks(const Char *at)
{
    while (*at <= ' ' && *at != '\n' && *at != '\0')
        at++;
    return at;
}

static const Char *blank_lines(const Char *at)
{
    while (*at <= ' ' && *at != '\0')
        at++;
    return at;
}

static const Char *whole_number(const Char *at, int64_t *value)
{
    const Char *start = at;
    *value = 0;
    while (is_digit(*at) && at - start < DIGITS)
        *value = 10 * *value + (*at++ - '0');
    return at > start && *at <= ' ' ? at : NULL;
}

static const Char *line_of_number(const Char *at, int64_t *value)
{
    at = whole_number(blank_lines(at), value);
    if (at == NULL)
        return NULL;
    at = blanks(at);
    return *at == '\n' || *at == '\0' ? at : NULL;
}

/* The value is whole times ten to this power, exactly, or a little more in size where digits were left out. */
typedef struct {
    uint64_t whole;
    int64_t power;
    int left_out;
} Decimal;

static const Char *digits(const Char *at, Decimal *d)
{
    const Char *start = at, *dot = NULL;
    const uint64_t full = (uint64_t)TENS[DIGITS - 1];
    uint64_t whole = 0;
    int64_t left_out = 0, decimals = 0;
    for (; is_digit(*at) || (*at == '.' && dot == NULL); at++) {
        if (*at == '.')
            dot = at;
        else if (whole < full)
            whole = 10 * whole + (uint64_t)(*at - '0');
        else
            left_out++;
    }
    if (dot != NULL)
        decimals = at - dot - 1;
    d->whole = whole;
    d->power = left_out - decimals;
    d->left_out = left_out > 0;
    return at - start > (dot != NULL) ? at : NULL;
}

/* Of 8.9407e-08, 1E-05 and 1e+06, the e and what follows it. */
static const Char *exponent(const Char *at, Decimal *d)
{
    int64_t power;
    int negative;
    if (*at != 'e' && *at != 'E')
        return at;
    negative = at[1] == '-';
    at = whole_number(at + 1 + (negative || at[1] == '+'), &power);
    d->power += negative ? -power : power;
    return at;
}

static int as_float(Decimal d, float *value)
{
    const int64_t size = d.power < 0 ? -d.power : d.power;
    const int exact = d.whole == 0 || (d.whole <= EXACT && size <= TENFOLD && !d.left_out);
    double found = (double)d.whole;
    if (d.whole == 0) /* 0 is 0, whatever its power */
        found = 0;
    else if (size <= TENFOLD)
        found = d.power < 0 ? found / TENS[size] : found * TENS[size];
    else if (size <= 2 * TENFOLD)
        found = d.power < 0 ? found / TENS[TENFOLD] / TENS[size - TENFOLD]
                            : found * TENS[TENFOLD] * TENS[size - TENFOLD];
    else
        return 0;
    *value = (float)found;
    return found * (1 + FEW_ROUNDINGS) <= FLT_MAX
           && (exact || (float)(found * (1 - FEW_ROUNDINGS)) == (float)(found * (1 + FEW_ROUNDINGS)));
}

/* -0.25 and 8.9407E-08, for example. */
static const Char *decimal(const Char *at, float *value)
{
    Decimal d;
    int negative;
    at = blanks(at);
    negative = *at == '-';
    at = digits(at + (negative || *at == '+'), &d);
    if (at != NULL)
        at = exponent(at, &d);
    if (at == NULL || *at > ' ' || !as_float(d, value))
        return NULL;
    if (negative)
        *value = -*value;
    return at;
}

/* Highest bit of each of eight characters that are not blank. */
static uint64_t eight_filled(const Char *at)
{
    uint64_t eight;
    memcpy(&eight, at, 8);
    return (((eight & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x5f5f5f5f5f5f5f5f)) | eight)
           & UINT64_C(0x8080808080808080);
}

/* How many words begin behind a blank and before the end. */
static int words_between(const Char *blank, const Char *end)
{
    const Char *at = blank + 1;
    int words = 0;
    for (; end - at >= 8; at += 8) {
        uint64_t begins = eight_filled(at) & ~eight_filled(at - 1);
        words += (int)(((begins >> 7) * UINT64_C(0x0101010101010101)) >> 56);
    }
    for (; at < end; at++)
        words += *at > ' ' && at[-1] <= ' ';
    return words;
}

/* So many words up to the end of the line, which begin behind the blank here; last is the end of the last one. */
static const Char *other_words(const Char *at, const Char *end, int words, const Char **last)
{
    const Char *line_end = memchr(at, '\n', (size_t)(end - at));
    line_end = line_end == NULL ? end : line_end;
    *last = line_end;
    while (*last > at && (*last)[-1] <= ' ')
        --*last;
    return *last > at && words_between(at, *last) == words ? line_end : NULL;
}

static const Char *read_joint(const Char *at, const Char *end, float position[3], uint8_t *state)
{
    const Char *last;
    int coordinate;
    at = blank_lines(at);
    for (coordinate = 0; coordinate < 3; coordinate++) {
        at = decimal(at, &position[coordinate]);
        if (at == NULL)
            return NULL;
    }
    at = other_words(at, end, JOINT_VALUES - 3, &last);
    if (at == NULL || last[-1] < '0' || last[-1] > '2' || last[-2] > ' ')
        return NULL;
    *state = (uint8_t)(last[-1] - '0');
    if (position[0] == 0 && position[1] == 0 && position[2] == 0)
        position[0] = position[1] = position[2] = NAN;
    return at;
}

static const Char *read_body(const Char *at, const Char *end, Body *body)
{
    const Char *last;
    int64_t joints;
    int joint;
    at = whole_number(blank_lines(at), &body->identity);
    if (at != NULL)
        at = other_words(at, end, BODY_VALUES - 1, &last);
    if (at != NULL)
        at = line_of_number(at, &joints);
    if (at == NULL || joints != JOINTS)
        return NULL;
    for (joint = 0; at != NULL && joint < JOINTS; joint++)
        at = read_joint(at, end, body->positions[joint], &body->states[joint]);
    memset(body->unused, 0, sizeof body->unused);
    return at;
}

static int has_room(Found *found)
{
    size_t room = 2 * found->room;
    Body *larger;
    if (found->count < found->room)
        return 1;
    larger = room > SIZE_MAX / sizeof(Body) ? NULL : realloc(found->bodies, room * sizeof(Body));
    if (larger == NULL)
        return 0;
    found->bodies = larger;
    found->room = room;
    return 1;
}

/* Counts of frames and bodies say how far to go, never how much room to take: they may be wrong. */
static Outcome read_file(const Char *at, const Char *end, Found *found)
{
    int64_t frame, place, places;
    if (memchr(at, '\0', (size_t)(end - at)) != NULL)
        return STRANGE;
    found->room = (size_t)(end - at) / USUAL_BODY + 1;
    found->bodies = malloc(found->room * sizeof(Body));
    if (found->bodies == NULL)
        return NO_MEMORY;
    if (end - at >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) /* UTF-8 says so at the start of a text */
        at += 3;
    at = line_of_number(at, &found->frames);
    for (frame = 0; at != NULL && frame < found->frames; frame++) {
        at = line_of_number(at, &places);
        for (place = 0; at != NULL && place < places; place++) {
            Body *body;
            if (!has_room(found))
                return NO_MEMORY;
            body = &found->bodies[found->count++];
            body->frame = frame;
            body->place = place;
            at = read_body(at, end, body);
        }
    }
    return at != NULL && blank_lines(at) == end && found->count > 0 ? PLAIN : STRANGE;
}

static PyObject *read_bodies(PyObject *module, PyObject *data)
{
    Found found = {0, NULL, 0, 0};
    PyObject *result = NULL;
    Outcome outcome;
    char *text;
    Py_ssize_t size;
    (void)module;
    if (PyBytes_AsStringAndSize(data, &text, &size) < 0)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    outcome = read_file((const Char *)text, (const Char *)text + size, &found);
    Py_END_ALLOW_THREADS
    if (outcome == PLAIN) {
        Py_ssize_t bytes = (Py_ssize_t)(found.count * sizeof(Body));
        PyObject *bodies = PyByteArray_FromStringAndSize((const char *)found.bodies, bytes);
        if (bodies != NULL)
            result = Py_BuildValue("(LN)", (long long)found.frames, bodies);
    } else if (outcome == STRANGE) {
        result = Py_NewRef(Py_None);
    } else {
        PyErr_NoMemory();
    }
    free(found.bodies);
    return result;
}

static PyMethodDef METHODS[] = {
    {"read_bodies", read_bodies, METH_O, "Frames and a record for each body; None: not as the recorder writes."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot SLOTS[] = {{0, NULL}};

static struct PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "ntu_fast", NULL, 0, METHODS, SLOTS, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_ntu_fast(void) { return PyModuleDef_Init(&MODULE); }
