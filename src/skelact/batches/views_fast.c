/* Views on a CPU, person by person while they are in the cache: what `views` makes with torch, of the same chances.
 *
 * Each person goes through two small tables: the resized clip (F, V, C), and what of it is known (F, V).
 * N clips, T frames, M people, V joints, C coordinates, R views, F frames of a view; view r is of clip r % N.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Two versions, of which the processor's is taken; what they call has to be part of them. */
#if defined(__GNUC__) && defined(__x86_64__) && defined(__GLIBC__)
#define ANY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#define PART static inline __attribute__((always_inline))
#else
#define ANY_PROCESSOR
#define PART static inline
#endif

/* Says that memory will be written soon, so that it is fetched meanwhile. */
#if defined(__GNUC__)
#define WRITTEN_SOON(place) __builtin_prefetch(place, 1)
#else
#define WRITTEN_SOON(place) (void)(place)
#endif

enum { MOST_COORDINATES = 3, LANE_BITS = 12, MOST_JOINTS = 1 << LANE_BITS, MOST_SCORE = 1 << 18 };
enum { LINE = 16, JOINTS_AHEAD = 4 }; /* numbers in a line of a cache; how far ahead lines are fetched */

/* What `make_views` is given: whole numbers, fractions and arrays, as three tuples in this order. */
typedef struct {
    Py_ssize_t clips, views, longest, persons, joints, coordinates, frames;
    Py_ssize_t seeds, hidden_joints, blocks, hidden_blocks, block_frames, min_frames, main_axis, flip, motion;
    double min_crop, probability, rotate_degrees, tilt_degrees, shear;
    const float *positions;       /* (N, T, M, V, C) */
    const uint8_t *valid;         /* (N, T, M, V) */
    const int64_t *lengths;       /* (N,) frames of the clips */
    const uint8_t *there, *whole; /* (N, M) */
    const float *chances;         /* (R, ...) uniform numbers, in the order of `Chances` */
    const float *noise;           /* (R, F, M, V, C) or none */
    const int64_t *parents;       /* (V,) for bones, or none */
    const int64_t *mirror;        /* (V,) */
    const int64_t *walks;         /* (V, V) */
    float *out;                   /* (R, M, V, C, F) */
    uint8_t *known;               /* (R, M, V, F) */
} Views;

/* What the chances of a view mean, and tables for one person after the other. */
typedef struct {
    Py_ssize_t start, length; /* of the window */
    float matrix[MOST_COORDINATES * MOST_COORDINATES];
    int exchanged;
    uint8_t *hidden_joints; /* (V,) */
    uint8_t *shown;         /* (F,) */
    int32_t *lanes;         /* of the sorting network */
    float *table;           /* (F, V, C) */
    uint8_t *measured;      /* (F, V) */
    float *frame;           /* (V, C) */
    uint8_t *joints;        /* (V,) */
} Work;

/* Linear between two frames; between a measured and a missing joint the measured one counts alone. */
PART void resize(const Views *v, Work *s, Py_ssize_t view, Py_ssize_t person, int whole)
{
    const Py_ssize_t joints = v->joints, coordinates = v->coordinates, numbers = joints * coordinates;
    const Py_ssize_t last = s->start + s->length - 1;
    const Py_ssize_t before = view % v->clips * v->longest; /* frames of other clips */
    const double step = (double)((float)s->length / (float)v->frames);
    for (Py_ssize_t frame = 0; frame < v->frames; frame++) {
        double place = ((double)frame + 0.5) * step - 0.5;
        place = (double)s->start + (place > 0 ? place : 0);
        if (place > (double)last)
            place = (double)last;
        const Py_ssize_t below = (Py_ssize_t)place, above = below < last ? below + 1 : last;
        const float share = (float)(place - (double)below), rest = 1 - share;
        const Py_ssize_t one = (before + below) * v->persons + person, two = (before + above) * v->persons + person;
        const float *restrict a = v->positions + one * numbers, *restrict b = v->positions + two * numbers;
        float *restrict out = s->table + frame * numbers;
        for (Py_ssize_t k = 0; k < numbers; k++)
            out[k] = rest * a[k] + share * b[k];
        if (whole)
            continue;
        const uint8_t *known_a = v->valid + one * joints, *known_b = v->valid + two * joints;
        for (Py_ssize_t joint = 0; joint < joints; joint++) {
            const float total = rest * (float)known_a[joint] + share * (float)known_b[joint];
            s->measured[frame * joints + joint] = total > 0;
            for (Py_ssize_t c = 0; c < coordinates; c++)
                out[joint * coordinates + c] /= total > 0 ? total : 1;
        }
    }
}

PART void add_noise(const Views *v, Work *s, Py_ssize_t view, Py_ssize_t person)
{
    const Py_ssize_t numbers = v->joints * v->coordinates;
    for (Py_ssize_t frame = 0; frame < v->frames; frame++) {
        const float *noise = v->noise + ((view * v->frames + frame) * v->persons + person) * numbers;
        for (Py_ssize_t k = 0; k < numbers; k++)
            s->table[frame * numbers + k] += noise[k];
    }
}

/* Each joint less its parent, which may come before or after it: a frame is copied first. */
PART void to_bones(const Views *v, Work *s, int whole)
{
    const Py_ssize_t joints = v->joints, coordinates = v->coordinates, numbers = joints * coordinates;
    for (Py_ssize_t frame = 0; frame < v->frames; frame++) {
        float *table = s->table + frame * numbers;
        uint8_t *measured = s->measured + frame * joints;
        memcpy(s->frame, table, (size_t)numbers * sizeof(float));
        if (!whole)
            memcpy(s->joints, measured, (size_t)joints);
        for (Py_ssize_t joint = 0; joint < joints; joint++) {
            const Py_ssize_t parent = (Py_ssize_t)v->parents[joint];
            if (!whole)
                measured[joint] &= s->joints[parent];
            for (Py_ssize_t c = 0; c < coordinates; c++)
                table[joint * coordinates + c] -= s->frame[parent * coordinates + c];
        }
    }
}

/* Each frame's difference to the next; the last is not shown. */
PART void to_motion(const Views *v, Work *s, int whole)
{
    const Py_ssize_t joints = v->joints, numbers = joints * v->coordinates, last = v->frames - 1;
    for (Py_ssize_t k = 0; k < last * numbers; k++)
        s->table[k] = s->table[k + numbers] - s->table[k];
    for (Py_ssize_t k = 0; !whole && k < last * joints; k++)
        s->measured[k] &= s->measured[k + joints];
}

PART void clear_unknown(const Views *v, Work *s)
{
    for (Py_ssize_t k = 0; k < v->frames * v->joints; k++)
        if (!s->measured[k])
            memset(s->table + k * v->coordinates, 0, (size_t)v->coordinates * sizeof(float));
}

PART void hide_frames(const Views *v, Work *s, int whole)
{
    const Py_ssize_t joints = v->joints, numbers = joints * v->coordinates;
    for (Py_ssize_t frame = 0; frame < v->frames; frame++)
        if (!s->shown[frame]) {
            memset(s->table + frame * numbers, 0, (size_t)numbers * sizeof(float));
            if (!whole)
                memset(s->measured + frame * joints, 0, (size_t)joints);
        }
}

/* See `windows`. */
PART void decide_window(const Views *v, Work *s, const float *chance, Py_ssize_t frames)
{
    const double share = v->min_crop + (1 - v->min_crop) * (double)chance[0];
    Py_ssize_t length = (Py_ssize_t)((double)frames * share);
    length = length < v->min_frames ? v->min_frames : length;
    s->length = length < frames ? length : frames;
    const Py_ssize_t start = (Py_ssize_t)((double)chance[1] * (double)(frames - s->length + 1));
    s->start = start < frames - s->length ? start : frames - s->length;
}

/* The shear after the rotations about x, y and z: see `angles`, `shears` and `rotation_matrices`. */
PART void decide_matrix(const Views *v, Work *s, const float *turn, const float *shear)
{
    const Py_ssize_t size = v->coordinates;
    const float coin = (float)v->probability, radians = (float)(-3.14159265358979323846 / 180);
    const int axis = size == 2 ? 2 : v->main_axis < 0 ? (int)(turn[1] * 3) : (int)v->main_axis;
    float sine[3], cosine[3];
    for (int k = 0; k < 3; k++) {
        float angle = k == axis ? turn[2] * (float)v->rotate_degrees : turn[3 + k] * (float)v->tilt_degrees;
        angle = turn[0] < coin && (size == 3 || k == axis) ? angle * radians : 0;
        sine[k] = sinf(angle);
        cosine[k] = cosf(angle);
    }
    const float sx = sine[0], sy = sine[1], sz = sine[2], cx = cosine[0], cy = cosine[1], cz = cosine[2];
    const float rotation[3][3] = {{cz * cy, cz * (sy * sx) - sz * cx, cz * (sy * cx) + sz * sx},
                                  {sz * cy, sz * (sy * sx) + cz * cx, sz * (sy * cx) - cz * sx},
                                  {-sy, cy * sx, cy * cx}};
    const float least = (float)-v->shear, range = (float)(2 * v->shear);
    for (Py_ssize_t row = 0; row < size; row++)
        for (Py_ssize_t column = 0; column < size; column++) {
            float sum = rotation[row][column];
            for (Py_ssize_t k = 0; k < size; k++)
                if (k != row && shear[0] < coin)
                    sum += (least + range * shear[1 + row * size + k]) * rotation[k][column];
            s->matrix[row * size + column] = sum;
        }
}

PART void compare(int32_t *lanes, Py_ssize_t one, Py_ssize_t two)
{
    const int32_t a = lanes[one], b = lanes[two];
    const int turn = (a >> LANE_BITS) > (b >> LANE_BITS);
    lanes[one] = turn ? b : a;
    lanes[two] = turn ? a : b;
}

/* Sorts by score, ties as in a bitonic network: see `sorting_network`. */
PART void sort_lanes(int32_t *lanes, Py_ssize_t size)
{
    for (Py_ssize_t block = 2; block <= size; block *= 2) {
        for (Py_ssize_t lane = 0; lane < size; lane++)
            if (lane < (lane ^ (block - 1)))
                compare(lanes, lane, lane ^ (block - 1));
        for (Py_ssize_t distance = block / 4; distance; distance /= 2)
            for (Py_ssize_t lane = 0; lane < size; lane++)
                if (lane < (lane ^ distance))
                    compare(lanes, lane, lane ^ distance);
    }
}

/* The joints that most walks lead to from the seeds: see `grow_mask`. */
PART void decide_joints(const Views *v, Work *s, const float *chance)
{
    const Py_ssize_t joints = v->joints;
    Py_ssize_t size = 1;
    memset(s->hidden_joints, 0, (size_t)joints);
    if (!v->hidden_joints || !(chance[0] < (float)v->probability))
        return;
    while (size < joints)
        size *= 2;
    for (Py_ssize_t lane = 0; lane < size; lane++)
        s->lanes[lane] = lane < joints ? (int32_t)lane : INT32_MAX; /* lanes without a joint end last */
    for (Py_ssize_t k = 1; k <= v->seeds; k++) {
        const Py_ssize_t drawn = (Py_ssize_t)(chance[k] * (float)joints);
        const int64_t *walks = v->walks + (drawn < joints ? drawn : joints - 1) * joints;
        for (Py_ssize_t joint = 0; joint < joints; joint++)
            s->lanes[joint] += (int32_t)walks[joint] << LANE_BITS;
    }
    sort_lanes(s->lanes, size);
    for (Py_ssize_t place = joints - v->hidden_joints; place < joints; place++)
        s->hidden_joints[s->lanes[place] & (MOST_JOINTS - 1)] = 1;
}

/* The blocks with the smallest numbers: see `blocks_hidden`. */
PART void decide_frames(const Views *v, Work *s, const float *chance)
{
    const float *number = chance + 1;
    memset(s->shown, 1, (size_t)v->frames);
    if (v->motion) /* the last has no next */
        s->shown[v->frames - 1] = 0;
    if (!(chance[0] < (float)v->probability))
        return;
    for (Py_ssize_t block = 0; block < v->blocks; block++) {
        Py_ssize_t smaller = 0;
        for (Py_ssize_t other = 0; other < v->blocks; other++)
            smaller += number[other] < number[block] || (number[other] == number[block] && other < block);
        if (smaller >= v->hidden_blocks)
            continue;
        for (Py_ssize_t k = block * v->block_frames; k < (block + 1) * v->block_frames && k < v->frames; k++)
            s->shown[k] = 0;
    }
}

PART Py_ssize_t chances_of_a_view(const Views *v)
{
    return 2 + 6 + (1 + v->coordinates * v->coordinates) + 1 + (1 + v->seeds) + (1 + v->blocks);
}

PART void decide(const Views *v, Work *s, Py_ssize_t view)
{
    const float *window = v->chances + view * chances_of_a_view(v), *turn = window + 2, *shear = turn + 6;
    const float *sides = shear + 1 + v->coordinates * v->coordinates, *joints = sides + 1;
    decide_window(v, s, window, (Py_ssize_t)v->lengths[view % v->clips]);
    decide_matrix(v, s, turn, shear);
    s->exchanged = v->flip && *sides < (float)v->probability;
    decide_joints(v, s, joints);
    decide_frames(v, s, joints + 1 + v->seeds);
}

/* One joint turned and sheared, time last: (C, F). */
PART void place_joint(const Views *v, const float *restrict in, const float *m, float *restrict out)
{
    const Py_ssize_t frames = v->frames, numbers = v->joints * v->coordinates;
    if (v->coordinates == 2) {
        for (Py_ssize_t frame = 0; frame < frames; frame++, in += numbers) {
            out[frame] = m[0] * in[0] + m[1] * in[1];
            out[frame + frames] = m[2] * in[0] + m[3] * in[1];
        }
        return;
    }
    for (Py_ssize_t frame = 0; frame < frames; frame++, in += numbers) {
        out[frame] = m[0] * in[0] + m[1] * in[1] + m[2] * in[2];
        out[frame + frames] = m[3] * in[0] + m[4] * in[1] + m[5] * in[2];
        out[frame + 2 * frames] = m[6] * in[0] + m[7] * in[1] + m[8] * in[2];
    }
}

PART void place_person(const Views *v, const Work *s, int whole, float *out, uint8_t *known)
{
    const Py_ssize_t joints = v->joints, frames = v->frames, numbers = v->coordinates * frames;
    for (Py_ssize_t joint = 0; joint < joints; joint++, out += numbers, known += frames) {
        if (s->hidden_joints[joint]) {
            memset(out, 0, (size_t)numbers * sizeof(float));
            memset(known, 0, (size_t)frames);
            continue;
        }
        for (Py_ssize_t k = 0; k < numbers; k += LINE)
            WRITTEN_SOON(out + JOINTS_AHEAD * numbers + k);
        const Py_ssize_t source = s->exchanged ? (Py_ssize_t)v->mirror[joint] : joint;
        place_joint(v, s->table + source * v->coordinates, s->matrix, out);
        if (whole)
            memcpy(known, s->shown, (size_t)frames);
        for (Py_ssize_t frame = 0; !whole && frame < frames; frame++)
            known[frame] = s->measured[frame * joints + source];
    }
}

PART void make_person(const Views *v, Work *s, Py_ssize_t view, Py_ssize_t person)
{
    const Py_ssize_t slot = view % v->clips * v->persons + person, place = view * v->persons + person;
    const Py_ssize_t size = v->joints * v->frames;
    float *out = v->out + place * size * v->coordinates;
    uint8_t *known = v->known + place * size;
    if (!v->there[slot]) {
        memset(out, 0, (size_t)(size * v->coordinates) * sizeof(float));
        memset(known, 0, (size_t)size);
        return;
    }
    const int whole = v->whole[slot]; /* then `measured` says nothing */
    resize(v, s, view, person, whole);
    if (v->noise)
        add_noise(v, s, view, person);
    if (v->parents)
        to_bones(v, s, whole);
    if (v->motion)
        to_motion(v, s, whole);
    if (!whole)
        clear_unknown(v, s);
    hide_frames(v, s, whole);
    place_person(v, s, whole, out, known);
}

ANY_PROCESSOR
static void make_all(const Views *v, Work *s)
{
    for (Py_ssize_t clip = 0; clip < v->clips; clip++) /* all views of a clip while it is in the cache */
        for (Py_ssize_t view = clip; view < v->views; view += v->clips) {
            decide(v, s, view);
            for (Py_ssize_t person = 0; person < v->persons; person++)
                make_person(v, s, view, person);
        }
}

static int all_between(const int64_t *numbers, Py_ssize_t count, int64_t least, int64_t most)
{
    for (Py_ssize_t k = 0; k < count; k++)
        if (numbers[k] < least || numbers[k] > most)
            return 0;
    return 1;
}

/* What of the settings cannot be; NULL where nothing is wrong. */
static const char *wrong_settings(const Views *v)
{
    if (v->coordinates < 2 || v->coordinates > MOST_COORDINATES)
        return "coordinates are 2 or 3";
    if (v->joints < 1 || v->joints > MOST_JOINTS || v->hidden_joints < 0 || v->hidden_joints > v->joints)
        return "number of joints, or of hidden joints";
    if (v->clips < 1 || v->longest < 1 || v->persons < 1 || v->frames < 1 || v->views % v->clips)
        return "number of clips, views, frames or persons";
    if (v->seeds < 0 || v->blocks < 0 || v->block_frames < 1 || v->main_axis > 2)
        return "number of seeds or blocks, or the main axis";
    return NULL;
}

/* What would lead outside of the arrays; NULL where nothing does. */
static const char *wrong_numbers(const Views *v)
{
    if (!all_between(v->lengths, v->clips, 1, v->longest))
        return "frames of a clip";
    if (!all_between(v->mirror, v->joints, 0, v->joints - 1))
        return "mirror of a joint";
    if (v->parents && !all_between(v->parents, v->joints, 0, v->joints - 1))
        return "parent of a joint";
    if (!all_between(v->walks, v->joints * v->joints, 0, MOST_SCORE / (v->seeds + 1)))
        return "too many walks";
    return NULL;
}

/* Memory for one person; 0 where there is none. */
static int make_work(const Views *v, Work *s)
{
    const size_t joints = (size_t)v->joints, numbers = joints * (size_t)v->coordinates, frames = (size_t)v->frames;
    s->hidden_joints = malloc(joints);
    s->shown = malloc(frames);
    s->lanes = malloc(2 * joints * sizeof(int32_t));
    s->table = malloc(frames * numbers * sizeof(float));
    s->measured = malloc(frames * joints);
    s->frame = malloc(numbers * sizeof(float));
    s->joints = malloc(joints);
    return s->hidden_joints && s->shown && s->lanes && s->table && s->measured && s->frame && s->joints;
}

static void free_work(Work *s)
{
    free(s->hidden_joints);
    free(s->shown);
    free(s->lanes);
    free(s->table);
    free(s->measured);
    free(s->frame);
    free(s->joints);
}

enum { ARRAYS = 12, RESULTS = 2 };

/* Takes the arrays, None where there is none; 0 and an error where one is of another size. */
static int take(Views *v, PyObject *arrays, Py_buffer *buffers)
{
    const Py_ssize_t f = sizeof(float), i = sizeof(int64_t), joints = v->joints, coordinates = v->coordinates;
    const Py_ssize_t people = v->clips * v->persons, read = v->longest * people * joints;
    const Py_ssize_t made = v->views * v->persons * v->frames * joints;
    const struct {
        const void **place;
        Py_ssize_t bytes;
        int optional;
    } all[ARRAYS] = {{(const void **)&v->positions, read * coordinates * f, 0},
                     {(const void **)&v->valid, read, 0},
                     {(const void **)&v->lengths, v->clips * i, 0},
                     {(const void **)&v->there, people, 0},
                     {(const void **)&v->whole, people, 0},
                     {(const void **)&v->chances, v->views * chances_of_a_view(v) * f, 0},
                     {(const void **)&v->noise, made * coordinates * f, 1},
                     {(const void **)&v->parents, joints * i, 1},
                     {(const void **)&v->mirror, joints * i, 0},
                     {(const void **)&v->walks, joints * joints * i, 0},
                     {(const void **)&v->out, made * coordinates * f, 0},
                     {(const void **)&v->known, made, 0}};
    for (int k = 0; k < ARRAYS; k++) {
        PyObject *array = PyTuple_GetItem(arrays, k);
        if (!array)
            return 0;
        *all[k].place = NULL;
        if (array == Py_None && all[k].optional)
            continue;
        if (PyObject_GetBuffer(array, &buffers[k], k < ARRAYS - RESULTS ? PyBUF_SIMPLE : PyBUF_WRITABLE) < 0)
            return 0;
        *all[k].place = buffers[k].buf;
        if (buffers[k].len != all[k].bytes) {
            PyErr_Format(PyExc_ValueError, "array %d has %zd bytes, expected %zd", k, buffers[k].len, all[k].bytes);
            return 0;
        }
    }
    return 1;
}

static int accept(const char *wrong)
{
    if (wrong)
        PyErr_Format(PyExc_ValueError, "views: %s", wrong);
    return !wrong;
}

static int make(Views *v)
{
    Work work;
    const int enough = make_work(v, &work);
    if (enough) {
        Py_BEGIN_ALLOW_THREADS
        make_all(v, &work);
        Py_END_ALLOW_THREADS
    } else {
        PyErr_NoMemory();
    }
    free_work(&work);
    return enough;
}

static PyObject *make_views(PyObject *self, PyObject *args)
{
    Views v;
    Py_buffer buffers[ARRAYS] = {{0}};
    PyObject *arrays;
    (void)self;
    if (!PyArg_ParseTuple(args, "(nnnnnnnnnnnnnnnn)(ddddd)O!", &v.clips, &v.views, &v.longest, &v.persons, &v.joints,
                          &v.coordinates, &v.frames, &v.seeds, &v.hidden_joints, &v.blocks, &v.hidden_blocks,
                          &v.block_frames, &v.min_frames, &v.main_axis, &v.flip, &v.motion, &v.min_crop,
                          &v.probability, &v.rotate_degrees, &v.tilt_degrees, &v.shear, &PyTuple_Type, &arrays))
        return NULL;
    const int done =
        accept(wrong_settings(&v)) && take(&v, arrays, buffers) && accept(wrong_numbers(&v)) && make(&v);
    for (int k = 0; k < ARRAYS; k++)
        if (buffers[k].obj)
            PyBuffer_Release(&buffers[k]);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {{"make_views", make_views, METH_VARARGS, NULL}, {NULL, NULL, 0, NULL}};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "views_fast", .m_size = 0, .m_methods = functions};

PyMODINIT_FUNC PyInit_views_fast(void)
{
    return PyModuleDef_Init(&module);
}
