/* Graph convolutions and norms of people on a CPU, in float32: what `graph_conv` and `batch_norm` compute with torch,
 * without its large tensors between. Gradients too.
 *
 * A person's topologies are made for a few channels at a time and used while they are in the cache. A channel is gone
 * through twice, once for its statistics and once to be normed, while it is there.
 *
 * P people, C channels, V joints, T frames, K partitions, r relations; U is V made a multiple of LANES. Compiled for
 * processors with AVX2, on which alone it is used.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PART static inline __attribute__((always_inline))

typedef Py_ssize_t Count;
typedef float Lanes __attribute__((vector_size(32), aligned(4), may_alias));

enum { LANES = 8, LINE = 16, ROWS = 6 };     /* numbers in a register, in a line of a cache; rows of a tile */
enum { K = 3, TOGETHER = 6 };                /* partitions; channels whose topologies are made at a time */
enum { TAPS = 5, BRANCHES = 2, MARGIN = 4 }; /* of a convolution; convolutions; frames added at each end */

/* A matrix of which one line comes `down` numbers after the other, one column `along` after the other. */
typedef struct {
    const float *numbers;
    Count down, along;
} Matrix;

/* What `sum_neighbours` is given. */
typedef struct {
    Count people, channels, joints, frames, relations;
    const float *values;  /* (P, C, K, V, T) */
    const float *related; /* (P, 2, K, r, V) */
    const float *refine;  /* (K, C, r) */
    const float *bias;    /* (K, C) */
    const float *graph;   /* (K, V, V): what joint u takes from joint v */
    float *out;           /* (P, C, V, T) */
    const float *grad;    /* the same; of `out` */
    float *for_values;    /* (P, C, K, V, T) */
    float *for_related;   /* (P, 2, K, r, V) */
    float *for_refine;    /* (P, K, C, r) */
    float *for_bias;      /* (P, K, C) */
    float *for_graph;     /* (P, K, V, V) */
} Graph;

/* Tables of one thread. Joints v before joints u: what all take from v lies together. */
typedef struct {
    Count pad, area, relations; /* U, V U, and r made a multiple of a register's numbers */
    float *fixed;               /* (K, V, U) the graph */
    float *relate;              /* (K, r, V, U) tanh of the differences */
    float *topology;            /* (channels at a time, K, V, U) */
    float *for_relate;          /* (K, r, V, U) */
    float *for_topology;        /* (channels at a time, K, V, U) */
    float *turned;              /* (T, U) the gradient of one channel */
    float *relate_last;         /* (K, V U, r) */
    float *for_refine;          /* (channels at a time, r) */
    float *memory;
} Tables;

/* What `norm` is given: P people, C channels, each of `numbers` numbers. */
typedef struct {
    Count people, channels, numbers, normed; /* channels after the first `normed` stay as they are */
    int relu;                 /* what is negative becomes 0 in the end */
    float epsilon;
    const float *x;           /* (P, C, L) */
    const float *counts;      /* (P,) how often each row counts */
    const float *weight;      /* (C,) */
    const float *bias;        /* (C,) */
    const float *residual;    /* (P, C, L) or none: added afterwards */
    float *mean, *variance;   /* (C,) of the batch */
    float *out;               /* (P, C, L) */
    const float *grad;        /* (P, C, L) */
    float *for_x;             /* (P, C, L) */
    float *for_weight;        /* (C,) */
    float *for_bias;          /* (C,) */
    float *for_residual;      /* (P, C, L) or none */
} Norm;

/* What `scales` is given: b channels in each of the four branches, two of which are convolved. */
typedef struct {
    Count people, branch, joints, frames;
    const float *x;       /* (P, 4 b, V, T) */
    const float *kernels; /* (2, b, b, 5) */
    const float *bias;    /* (2, b) */
    float *out;           /* (P, 4 b, V, T) */
    const float *grad;    /* (P, 4 b, V, T) */
    float *for_x;         /* (P, 4 b, V, T) */
    float *for_kernels;   /* (P, 2, b, b, 5) */
    float *for_bias;      /* (P, 2, b) */
} Scales;

/* Tables of one thread; B is b made a multiple of a register's numbers. */
typedef struct {
    Count pad, wide;     /* B; frames and margins */
    float *taps;         /* (2, 5, b, b) the kernels, tap by tap */
    float *rows;         /* (b, frames and margins) of a joint */
    float *turned;       /* (frames and margins, B) of a joint */
    float *for_taps;     /* (2, 5, b, B) */
    float *from_before;  /* (frames,) gradients of a joint and channel that go to the frame before */
    float *from_here;    /* (frames,) that stay in their frame */
    float *memory;
} Time;

/* Numbers that will be read soon, and are fetched meanwhile. */
typedef struct {
    const float *numbers;
    Count count;
} Prefetch;

static const Prefetch NOTHING = {NULL, 0};

/* Sums (rows, lanes) of a product, `rows` and `lanes` known when this is compiled; added to what is there or not. */
PART void tile(const int rows, const int lanes, Matrix a, const float *b, Count b_down, Count inner, float *out,
               Count out_down, int add)
{
    Lanes sums[ROWS][2];
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < lanes; j++)
            sums[i][j] = add ? *(const Lanes *)(out + i * out_down + j * LANES) : (Lanes){0};
    for (Count k = 0; k < inner; k++, b += b_down) {
        Lanes right[2];
        for (int j = 0; j < lanes; j++)
            right[j] = *(const Lanes *)(b + j * LANES);
        for (int i = 0; i < rows; i++) {
            const float left = a.numbers[i * a.down + k * a.along];
            for (int j = 0; j < lanes; j++)
                sums[i][j] += left * right[j];
        }
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < lanes; j++)
            *(Lanes *)(out + i * out_down + j * LANES) = sums[i][j];
}

PART void tile_of(Count rows, const int lanes, Matrix a, const float *b, Count b_down, Count inner, float *out,
                  Count out_down, int add)
{
    switch (rows) {
    case 1: tile(1, lanes, a, b, b_down, inner, out, out_down, add); break;
    case 2: tile(2, lanes, a, b, b_down, inner, out, out_down, add); break;
    case 3: tile(3, lanes, a, b, b_down, inner, out, out_down, add); break;
    case 4: tile(4, lanes, a, b, b_down, inner, out, out_down, add); break;
    case 5: tile(5, lanes, a, b, b_down, inner, out, out_down, add); break;
    default: tile(ROWS, lanes, a, b, b_down, inner, out, out_down, add);
    }
}

/* out (rows, columns) = a (rows, inner) b (inner, columns), or added to what is there. */
PART void product(Matrix a, const float *b, Count b_down, Count rows, Count inner, Count columns, float *out,
                  Count out_down, int add, Prefetch next)
{
    const Count tiles = (rows + ROWS - 1) / ROWS, most = (rows + tiles - 1) / tiles; /* tiles of like height */
    for (Count row = 0; row < rows; row += most, a.numbers += most * a.down, out += most * out_down) {
        const Count high = row + most <= rows ? most : rows - row;
        for (Count i = next.count * row / rows; i < next.count * (row + high) / rows; i += LINE)
            __builtin_prefetch(next.numbers + i);
        Count column = 0;
        for (; column + 2 * LANES <= columns; column += 2 * LANES)
            tile_of(high, 2, a, b + column, b_down, inner, out + column, out_down, add);
        for (; column + LANES <= columns; column += LANES)
            tile_of(high, 1, a, b + column, b_down, inner, out + column, out_down, add);
        for (; column < columns; column++)
            for (Count i = 0; i < high; i++) {
                float sum = add ? out[i * out_down + column] : 0;
                for (Count k = 0; k < inner; k++)
                    sum += a.numbers[i * a.down + k * a.along] * b[k * b_down + column];
                out[i * out_down + column] = sum;
            }
    }
}

/* Hyperbolic tangent, off by less than 2e-7; made so that a compiler takes several numbers at a time. */
PART float tangent(float x)
{
    const float bounded = x > 10 ? 10 : x < -10 ? -10 : x;
    const float scaled = bounded * 2.885390082f; /* exp(2 x) = 2 ** scaled */
    const float whole = (scaled + 12582912.0f) - 12582912.0f; /* the nearest whole number */
    const float rest = (scaled - whole) * 0.6931471806f;      /* at most 0.35 */
    const float fourth = 1 / 24.0f + rest * (1 / 120.0f + rest * (1 / 720.0f));
    const float series = 1 + rest * (1 + rest * (1 / 2.0f + rest * (1 / 6.0f + rest * fourth))); /* exp(rest) */
    union {
        int32_t bits;
        float number;
    } power = {.bits = ((int32_t)whole + 127) << 23};
    return 1 - 2 / (series * power.number + 1);
}

PART Count padded(Count count) { return (count + LANES - 1) / LANES * LANES; }

static int make_tables(const Graph *g, Tables *t, int backward)
{
    t->pad = padded(g->joints);
    t->area = g->joints * t->pad;
    t->relations = padded(g->relations);
    const Count fixed = K * t->area, relate = K * g->relations * t->area, some = TOGETHER * K * t->area;
    const Count turned = g->frames * t->pad, last = K * t->area * t->relations, refine = TOGETHER * t->relations;
    const Count all = fixed + relate + some + (backward ? relate + some + turned + last + refine : 0);
    t->memory = calloc((size_t)all, sizeof(float)); /* zeros stay where tables are padded */
    if (!t->memory)
        return 0;
    t->fixed = t->memory;
    t->relate = t->fixed + fixed;
    t->topology = t->relate + relate;
    if (backward) {
        t->for_relate = t->topology + some;
        t->for_topology = t->for_relate + relate;
        t->turned = t->for_topology + some;
        t->relate_last = t->turned + turned;
        t->for_refine = t->relate_last + last;
    }
    for (Count k = 0; k < K; k++)
        for (Count v = 0; v < g->joints; v++)
            for (Count u = 0; u < g->joints; u++)
                t->fixed[k * t->area + v * t->pad + u] = g->graph[(k * g->joints + u) * g->joints + v];
    return 1;
}

/* How a person's joints relate: tanh(a[u] - b[v]). */
PART void relate(const Graph *g, Tables *t, Count person)
{
    const Count each = K * g->relations;
    const float *a = g->related + person * 2 * each * g->joints, *b = a + each * g->joints;
    for (Count row = 0; row < each; row++)
        for (Count v = 0; v < g->joints; v++) {
            float *out = t->relate + row * t->area + v * t->pad;
            const float other = b[row * g->joints + v], *own = a + row * g->joints;
            for (Count u = 0; u < g->joints; u++)
                out[u] = tangent(own[u] - other);
        }
}

/* Topologies of some channels, from `first` on. */
PART void make_topologies(const Graph *g, Tables *t, Count first, Count channels)
{
    for (Count k = 0; k < K; k++) {
        const float *fixed = t->fixed + k * t->area;
        for (Count c = 0; c < channels; c++) {
            float *out = t->topology + (c * K + k) * t->area;
            const float bias = g->bias[k * g->channels + first + c];
            for (Count i = 0; i < t->area; i++)
                out[i] = fixed[i] + bias;
        }
        const Matrix refine = {g->refine + (k * g->channels + first) * g->relations, g->relations, 1};
        product(refine, t->relate + k * g->relations * t->area, t->area, channels, g->relations, t->area,
                t->topology + k * t->area, K * t->area, 1, NOTHING);
    }
}

static void sum_of_person(const Graph *g, Tables *t, Count person)
{
    const Count joints = g->joints, frames = g->frames;
    relate(g, t, person);
    for (Count first = 0; first < g->channels; first += TOGETHER) {
        const Count channels = first + TOGETHER <= g->channels ? TOGETHER : g->channels - first;
        make_topologies(g, t, first, channels);
        for (Count c = 0; c < channels; c++) {
            const Count place = person * g->channels + first + c;
            const Count read = K * joints * frames;
            const Matrix takes = {t->topology + c * K * t->area, 1, t->pad};
            const Prefetch next = {g->values + (place + 1) * read, place + 1 < g->people * g->channels ? read : 0};
            product(takes, g->values + place * read, frames, joints, K * joints, frames,
                    g->out + place * joints * frames, frames, 0, next);
        }
    }
}

/* Gradients of one channel's values and topologies. */
PART void channel_back(const Graph *g, Tables *t, Count place, Count c)
{
    const Count joints = g->joints, frames = g->frames;
    const Count read = K * joints * frames;
    const float *grad = g->grad + place * joints * frames, *values = g->values + place * read;
    const Matrix takes = {t->topology + c * K * t->area, t->pad, 1};
    product(takes, grad, frames, K * joints, joints, frames, g->for_values + place * read, frames, 0, NOTHING);
    for (Count u = 0; u < joints; u++)
        for (Count frame = 0; frame < frames; frame++)
            t->turned[frame * t->pad + u] = grad[u * frames + frame];
    const Matrix given = {values, frames, 1};
    const Prefetch next = {values + read, place + 1 < g->people * g->channels ? read : 0};
    product(given, t->turned, t->pad, K * joints, frames, t->pad, t->for_topology + c * K * t->area, t->pad, 0, next);
}

/* What the gradients of some channels' topologies add to those of what topologies are made of. */
PART void topologies_back(const Graph *g, Tables *t, Count person, Count first, Count channels)
{
    const Count joints = g->joints, relations = g->relations;
    for (Count k = 0; k < K; k++) {
        const float *all = t->for_topology + k * t->area;
        for (Count c = 0; c < channels; c++) {
            const float *of_channel = all + c * K * t->area;
            float sum = 0;
            for (Count v = 0; v < joints; v++)
                for (Count u = 0; u < joints; u++) {
                    const float one = of_channel[v * t->pad + u];
                    g->for_graph[((person * K + k) * joints + v) * joints + u] += one;
                    sum += one;
                }
            g->for_bias[(person * K + k) * g->channels + first + c] = sum;
        }
        const Matrix refine = {g->refine + (k * g->channels + first) * relations, 1, relations};
        product(refine, all, K * t->area, relations, channels, t->area, t->for_relate + k * relations * t->area,
                t->area, 1, NOTHING);
        const Matrix topologies = {all, K * t->area, 1};
        product(topologies, t->relate_last + k * t->area * t->relations, t->relations, channels, t->area,
                t->relations, t->for_refine, t->relations, 0, NOTHING);
        for (Count c = 0; c < channels; c++)
            memcpy(g->for_refine + ((person * K + k) * g->channels + first + c) * relations,
                   t->for_refine + c * t->relations, (size_t)relations * sizeof(float));
    }
}

/* From the gradients of tanh(a[u] - b[v]) to those of a and b. */
PART void relations_back(const Graph *g, Tables *t, Count person)
{
    const Count each = K * g->relations, joints = g->joints;
    float *a = g->for_related + person * 2 * each * joints, *b = a + each * joints;
    memset(a, 0, (size_t)(each * joints) * sizeof(float));
    for (Count row = 0; row < each; row++)
        for (Count v = 0; v < joints; v++) {
            const float *grad = t->for_relate + row * t->area + v * t->pad;
            const float *value = t->relate + row * t->area + v * t->pad;
            float sum = 0;
            for (Count u = 0; u < joints; u++) {
                const float through = grad[u] * (1 - value[u] * value[u]);
                a[row * joints + u] += through;
                sum += through;
            }
            b[row * joints + v] = -sum;
        }
}

static void person_back(const Graph *g, Tables *t, Count person)
{
    relate(g, t, person);
    for (Count k = 0; k < K; k++)
        for (Count row = 0; row < g->relations; row++)
            for (Count i = 0; i < t->area; i++)
                t->relate_last[(k * t->area + i) * t->relations + row] =
                    t->relate[(k * g->relations + row) * t->area + i];
    memset(t->for_relate, 0, (size_t)(K * g->relations * t->area) * sizeof(float));
    memset(g->for_graph + person * K * g->joints * g->joints, 0,
           (size_t)(K * g->joints * g->joints) * sizeof(float));
    for (Count first = 0; first < g->channels; first += TOGETHER) {
        const Count channels = first + TOGETHER <= g->channels ? TOGETHER : g->channels - first;
        make_topologies(g, t, first, channels);
        for (Count c = 0; c < channels; c++)
            channel_back(g, t, person * g->channels + first + c, c);
        topologies_back(g, t, person, first, channels);
    }
    relations_back(g, t, person);
}

/* All people, on `threads` threads, each with tables of its own; 0 where there is no memory for them. */
static int all_people(const void *given, int threads, int backward)
{
    const Graph *g = given;
    int enough = 1;
#pragma omp parallel num_threads(threads) reduction(&& : enough)
    {
        Tables tables = {0};
        enough = make_tables(g, &tables, backward);
#pragma omp for schedule(static)
        for (Count person = 0; person < g->people; person++)
            if (enough) {
                if (backward)
                    person_back(g, &tables, person);
                else
                    sum_of_person(g, &tables, person);
            }
        free(tables.memory);
    }
    return enough;
}

static int make_time(const Scales *s, Time *t)
{
    const Count b = s->branch;
    t->pad = padded(b);
    t->wide = s->frames + 2 * MARGIN;
    const Count taps = BRANCHES * TAPS * b * b, rows = b * t->wide, turned = t->wide * t->pad;
    const Count all = taps + rows + turned + BRANCHES * TAPS * b * t->pad + 2 * s->frames;
    t->memory = calloc((size_t)all, sizeof(float)); /* zeros stay in the margins and where tables are padded */
    if (!t->memory)
        return 0;
    t->taps = t->memory;
    t->rows = t->taps + taps;
    t->turned = t->rows + rows;
    t->for_taps = t->turned + turned;
    t->from_before = t->for_taps + BRANCHES * TAPS * b * t->pad;
    t->from_here = t->from_before + s->frames;
    for (Count n = 0; n < BRANCHES; n++)
        for (Count tap = 0; tap < TAPS; tap++)
            for (Count i = 0; i < b * b; i++)
                t->taps[(n * TAPS + tap) * b * b + i] = s->kernels[(n * b * b + i) * TAPS + tap];
    return 1;
}

/* How far from a frame a tap looks: the second convolution skips every other frame. */
PART Count offset(Count branch, Count tap) { return (tap - TAPS / 2) * (branch + 1); }

/* ReLU; what is not a number stays so, as with torch. */
PART float positive(float x) { return x < 0 ? 0 : x; }

PART void convolve(const Scales *s, Time *t, Count n, const float *x, float *out)
{
    const Count b = s->branch, step = s->joints * s->frames;
    for (Count i = 0; i < b; i++)
        for (Count frame = 0; frame < s->frames; frame++)
            t->rows[i * t->wide + MARGIN + frame] = positive(x[i * step + frame]);
    for (Count o = 0; o < b; o++)
        for (Count frame = 0; frame < s->frames; frame++)
            out[o * step + frame] = s->bias[n * b + o];
    for (Count tap = 0; tap < TAPS; tap++) {
        const Matrix kernel = {t->taps + (n * TAPS + tap) * b * b, b, 1};
        product(kernel, t->rows + MARGIN + offset(n, tap), t->wide, b, b, s->frames, out, step, 1, NOTHING);
    }
}

/* The highest of each frame and its neighbours, or 0. */
PART void pool(const float *x, Count frames, float *restrict out)
{
    for (Count frame = 0; frame < frames; frame++)
        out[frame] = positive(x[frame]);
    for (Count frame = 1; frame < frames; frame++)
        out[frame] = x[frame - 1] > out[frame] ? x[frame - 1] : out[frame];
    for (Count frame = 0; frame + 1 < frames; frame++)
        out[frame] = x[frame + 1] > out[frame] ? x[frame + 1] : out[frame];
}

static void scales_of_person(const Scales *s, Time *t, Count person)
{
    const Count part = s->branch * s->joints * s->frames;
    const float *x = s->x + person * 4 * part;
    float *out = s->out + person * 4 * part;
    for (Count n = 0; n < BRANCHES; n++)
        for (Count joint = 0; joint < s->joints; joint++)
            convolve(s, t, n, x + n * part + joint * s->frames, out + n * part + joint * s->frames);
    for (Count row = 0; row < part; row += s->frames)
        pool(x + 2 * part + row, s->frames, out + 2 * part + row);
    memcpy(out + 3 * part, x + 3 * part, (size_t)part * sizeof(float));
}

PART void convolution_back(const Scales *s, Time *t, Count n, const float *x, const float *grad, float *for_x,
                           float *for_bias)
{
    const Count b = s->branch, step = s->joints * s->frames, frames = s->frames;
    for (Count i = 0; i < b; i++)
        for (Count frame = 0; frame < frames; frame++)
            t->turned[(MARGIN + frame) * t->pad + i] = positive(x[i * step + frame]);
    for (Count o = 0; o < b; o++) {
        float sum = 0;
        for (Count frame = 0; frame < frames; frame++) {
            t->rows[o * t->wide + MARGIN + frame] = grad[o * step + frame];
            sum += grad[o * step + frame];
        }
        for_bias[n * b + o] += sum;
    }
    for (Count tap = 0; tap < TAPS; tap++) {
        const Count apart = offset(n, tap);
        const Matrix kernel = {t->taps + (n * TAPS + tap) * b * b, 1, b}, given = {grad, step, 1};
        product(kernel, t->rows + MARGIN - apart, t->wide, b, b, frames, for_x, step, tap > 0, NOTHING);
        product(given, t->turned + (MARGIN + apart) * t->pad, t->pad, b, frames, t->pad,
                t->for_taps + (n * TAPS + tap) * b * t->pad, t->pad, 1, NOTHING);
    }
    for (Count i = 0; i < b; i++)
        for (Count frame = 0; frame < frames; frame++)
            for_x[i * step + frame] = x[i * step + frame] > 0 ? for_x[i * step + frame] : 0;
}

/* The gradient of each highest number goes to the first frame that has it. */
PART void pool_back(const float *x, const float *grad, Count frames, Time *t, float *restrict for_x)
{
    float *row = t->rows + MARGIN, *from_before = t->from_before, *from_here = t->from_here;
    for (Count frame = 0; frame < frames; frame++)
        row[frame] = positive(x[frame]);
    for (Count frame = 0; frame < frames; frame++) {
        const float before = row[frame - 1], here = row[frame], after = row[frame + 1];
        const int first = before >= here && before >= after, second = here > before && here >= after;
        from_before[frame] = first ? grad[frame] : 0;
        from_here[frame] = second ? grad[frame] : 0;
    }
    for (Count frame = 0; frame < frames; frame++) {
        const float later = frame + 1 < frames ? from_before[frame + 1] : 0;
        const float earlier = frame ? grad[frame - 1] - from_before[frame - 1] - from_here[frame - 1] : 0;
        for_x[frame] = row[frame] > 0 ? from_here[frame] + later + earlier : 0;
    }
}

static void scales_back(const Scales *s, Time *t, Count person)
{
    const Count b = s->branch, part = b * s->joints * s->frames, kernels = BRANCHES * b * b * TAPS;
    const float *x = s->x + person * 4 * part, *grad = s->grad + person * 4 * part;
    float *for_x = s->for_x + person * 4 * part, *for_bias = s->for_bias + person * BRANCHES * b;
    memset(t->for_taps, 0, (size_t)(BRANCHES * TAPS * b * t->pad) * sizeof(float));
    memset(for_bias, 0, (size_t)(BRANCHES * b) * sizeof(float));
    for (Count n = 0; n < BRANCHES; n++)
        for (Count joint = 0; joint < s->joints; joint++) {
            const Count at = n * part + joint * s->frames;
            convolution_back(s, t, n, x + at, grad + at, for_x + at, for_bias);
        }
    for (Count row = 2 * part; row < 3 * part; row += s->frames)
        pool_back(x + row, grad + row, s->frames, t, for_x + row);
    memcpy(for_x + 3 * part, grad + 3 * part, (size_t)part * sizeof(float));
    for (Count n = 0; n < BRANCHES; n++)
        for (Count tap = 0; tap < TAPS; tap++)
            for (Count o = 0; o < b; o++)
                for (Count i = 0; i < b; i++)
                    s->for_kernels[person * kernels + ((n * b + o) * b + i) * TAPS + tap] =
                        t->for_taps[((n * TAPS + tap) * b + o) * t->pad + i];
}

static int all_scales(const void *given, int threads, int backward)
{
    const Scales *s = given;
    int enough = 1;
#pragma omp parallel num_threads(threads) reduction(&& : enough)
    {
        Time time = {0};
        enough = make_time(s, &time);
#pragma omp for schedule(static)
        for (Count person = 0; person < s->people; person++)
            if (enough) {
                if (backward)
                    scales_back(s, &time, person);
                else
                    scales_of_person(s, &time, person);
            }
        free(time.memory);
    }
    return enough;
}

/* Sum and sum of squared distances from `middle`. */
PART void sums_of_row(const float *row, Count numbers, float middle, double *sum, double *squares)
{
    Lanes plain[2] = {{0}}, squared[2] = {{0}};
    Count i = 0;
    for (; i + 2 * LANES <= numbers; i += 2 * LANES)
        for (int j = 0; j < 2; j++) {
            const Lanes gap = *(const Lanes *)(row + i + j * LANES) - middle;
            plain[j] += gap;
            squared[j] += gap * gap;
        }
    plain[0] += plain[1];
    squared[0] += squared[1];
    double total = 0, total_squared = 0;
    for (int j = 0; j < LANES; j++) {
        total += plain[0][j];
        total_squared += squared[0][j];
    }
    for (; i < numbers; i++) {
        const double gap = row[i] - middle;
        total += gap;
        total_squared += gap * gap;
    }
    *sum = total;
    *squares = total_squared;
}

/* Mean and variance of a channel over the batch. */
PART void channel_statistics(const Norm *n, Count channel, double *mean, double *variance)
{
    const Count step = n->channels * n->numbers, start = channel * n->numbers;
    double people = 0, sums = 0, squares = 0, sum, square;
    for (Count p = 0; p < n->people; p++) {
        sums_of_row(n->x + p * step + start, n->numbers, 0, &sum, &square);
        sums += n->counts[p] * sum;
        people += n->counts[p];
    }
    *mean = sums / (people * (double)n->numbers);
    for (Count p = 0; p < n->people; p++) {
        sums_of_row(n->x + p * step + start, n->numbers, (float)*mean, &sum, &square);
        squares += n->counts[p] * square;
    }
    *variance = squares / (people * (double)n->numbers);
}

static void norm_channel(const Norm *n, Count channel)
{
    const Count step = n->channels * n->numbers;
    float middle = 0, scale = 1, bias = 0;
    if (channel < n->normed) {
        double mean, variance;
        channel_statistics(n, channel, &mean, &variance);
        n->mean[channel] = middle = (float)mean;
        n->variance[channel] = (float)variance;
        scale = n->weight[channel] * (float)(1 / sqrt(variance + n->epsilon));
        bias = n->bias[channel];
    }
    const float least = n->relu ? 0 : -INFINITY;
    for (Count p = 0; p < n->people; p++) {
        const Count row = p * step + channel * n->numbers;
        const float *x = n->x + row, *residual = n->residual ? n->residual + row : NULL;
        float *restrict out = n->out + row;
        for (Count i = 0; i < n->numbers; i++) {
            const float y = (x[i] - middle) * scale + bias + (residual ? residual[i] : 0);
            out[i] = y < least ? least : y;
        }
    }
}

/* What comes back through the ReLU: 0 where `out` is. */
PART float through(const float *grad, const float *out, Count i, int relu)
{
    return relu && !(out[i] > 0) ? 0 : grad[i];
}

/* Sums of a row's gradients, alone and by the distance from the mean. */
PART void gradient_sums(const float *grad, const float *out, const float *x, Count numbers, float middle,
                        const int relu, double *sum, double *product_sum)
{
    Lanes plain = {0}, by_x = {0};
    Count i = 0;
    for (; i + LANES <= numbers; i += LANES) {
        Lanes g = *(const Lanes *)(grad + i);
        if (relu) {
            const Lanes y = *(const Lanes *)(out + i);
            g = (Lanes)((typeof(y > 0))g & (y > 0));
        }
        plain += g;
        by_x += g * (*(const Lanes *)(x + i) - middle);
    }
    for (int j = 0; j < LANES; j++) {
        *sum += plain[j];
        *product_sum += by_x[j];
    }
    for (; i < numbers; i++) {
        const double g = through(grad, out, i, relu);
        *sum += g;
        *product_sum += g * (x[i] - middle);
    }
}

/* dx = scale (g - w / n (sum g + x^ sum g x^)), w people in the row of n numbers in all. */
PART void norm_channel_back(const Norm *n, Count channel, const int relu)
{
    const Count step = n->channels * n->numbers, start = channel * n->numbers;
    const int normed = channel < n->normed;
    const float middle = normed ? n->mean[channel] : 0;
    const double inverse = normed ? 1 / sqrt((double)n->variance[channel] + n->epsilon) : 1;
    const double scale = normed ? n->weight[channel] * inverse : 1;
    double sum = 0, by_x = 0, people = 0;
    for (Count p = 0; p < n->people && normed; p++) {
        const Count row = p * step + start;
        const float *out = relu ? n->out + row : NULL;
        gradient_sums(n->grad + row, out, n->x + row, n->numbers, middle, relu, &sum, &by_x);
        people += n->counts[p];
    }
    if (normed) {
        n->for_bias[channel] = (float)sum;
        n->for_weight[channel] = (float)(by_x * inverse);
    }
    const double share = normed ? scale / (people * (double)n->numbers) : 0;
    for (Count p = 0; p < n->people; p++) {
        const Count row = p * step + start;
        const float *grad = n->grad + row, *out = relu ? n->out + row : NULL, *x = n->x + row;
        const float all = (float)(n->counts[p] * share * sum), slope = (float)scale;
        const float by_distance = (float)(n->counts[p] * share * by_x * inverse * inverse);
        float *restrict for_x = n->for_x + row;
        float *restrict for_residual = n->for_residual ? n->for_residual + row : NULL;
        if (for_residual)
            for (Count i = 0; i < n->numbers; i++)
                for_residual[i] = through(grad, out, i, relu);
        for (Count i = 0; i < n->numbers; i++)
            for_x[i] = slope * through(grad, out, i, relu) - all - by_distance * (x[i] - middle);
    }
}

static void norm_back(const Norm *n, Count channel)
{
    if (n->relu)
        norm_channel_back(n, channel, 1);
    else
        norm_channel_back(n, channel, 0);
}

static int all_channels(const void *given, int threads, int backward)
{
    const Norm *n = given;
#pragma omp parallel for schedule(static) num_threads(threads)
    for (Count channel = 0; channel < n->channels; channel++)
        if (backward)
            norm_back(n, channel);
        else
            norm_channel(n, channel);
    return 1;
}

enum { MOST_ARRAYS = 12 };

/* An array that a function is given, and how many numbers it has to have. */
typedef struct {
    void *place; /* of the pointer to be set */
    Count numbers;
    int optional, written;
} Array;

/* Takes the arrays of a tuple; 0 and an error where one is of another size. */
static int take(PyObject *given, const Array *arrays, int count, Py_buffer *buffers)
{
    if (PyTuple_Size(given) != count) {
        PyErr_Format(PyExc_ValueError, "expected %d arrays", count);
        return 0;
    }
    for (int k = 0; k < count; k++) {
        PyObject *array = PyTuple_GetItem(given, k);
        if (array == Py_None && arrays[k].optional)
            continue;
        if (PyObject_GetBuffer(array, &buffers[k], arrays[k].written ? PyBUF_WRITABLE : PyBUF_SIMPLE) < 0)
            return 0;
        if (buffers[k].len != arrays[k].numbers * (Count)sizeof(float)) {
            PyErr_Format(PyExc_ValueError, "array %d has %zd bytes, expected %zd", k, buffers[k].len,
                         arrays[k].numbers * (Count)sizeof(float));
            return 0;
        }
        *(void **)arrays[k].place = buffers[k].buf;
    }
    return 1;
}

/* Everybody or every channel of what is given, on some threads; 0 where there is no memory. */
typedef int Work(const void *given, int threads, int backward);

/* Takes the arrays of a tuple into `what`, and works on it. */
static PyObject *run(Work *work, const void *what, int threads, int backward, PyObject *given, const Array *arrays,
                     int count)
{
    Py_buffer buffers[MOST_ARRAYS] = {{0}};
    int done = take(given, arrays, count, buffers);
    if (done) {
        Py_BEGIN_ALLOW_THREADS
        done = work(what, threads, backward);
        Py_END_ALLOW_THREADS
        if (!done)
            PyErr_NoMemory();
    }
    for (int k = 0; k < MOST_ARRAYS; k++)
        if (buffers[k].obj)
            PyBuffer_Release(&buffers[k]);
    if (!done)
        return NULL;
    Py_RETURN_NONE;
}

static PyObject *run_graph(PyObject *args, int backward)
{
    Graph g = {0};
    PyObject *given;
    int threads;
    if (!PyArg_ParseTuple(args, "(nnnnn)iO!", &g.people, &g.channels, &g.joints, &g.frames, &g.relations, &threads,
                          &PyTuple_Type, &given))
        return NULL;
    if (g.people < 1 || g.channels < 1 || g.joints < 1 || g.frames < 1 || g.relations < 1 || threads < 1) {
        PyErr_SetString(PyExc_ValueError, "sizes and threads must be positive");
        return NULL;
    }
    const Count made = g.people * g.channels * g.joints * g.frames;
    const Count related = g.people * 2 * K * g.relations * g.joints, refine = K * g.channels * g.relations;
    const Count area = K * g.joints * g.joints;
    const Array arrays[] = {
        {&g.values, K * made, 0, 0},           {&g.related, related, 0, 0},
        {&g.refine, refine, 0, 0},             {&g.bias, K * g.channels, 0, 0},
        {&g.graph, area, 0, 0},                {backward ? (void *)&g.grad : (void *)&g.out, made, 0, !backward},
        {&g.for_values, K * made, 0, 1},       {&g.for_related, related, 0, 1},
        {&g.for_refine, g.people * refine, 0, 1}, {&g.for_bias, g.people * K * g.channels, 0, 1},
        {&g.for_graph, g.people * area, 0, 1},
    };
    return run(all_people, &g, threads, backward, given, arrays, backward ? 11 : 6);
}

static PyObject *run_scales(PyObject *args, int backward)
{
    Scales s = {0};
    PyObject *given;
    int threads;
    if (!PyArg_ParseTuple(args, "(nnnn)iO!", &s.people, &s.branch, &s.joints, &s.frames, &threads, &PyTuple_Type,
                          &given))
        return NULL;
    if (s.people < 1 || s.branch < 1 || s.joints < 1 || s.frames < 1 || threads < 1) {
        PyErr_SetString(PyExc_ValueError, "sizes and threads must be positive");
        return NULL;
    }
    const Count all = s.people * 4 * s.branch * s.joints * s.frames, bias = BRANCHES * s.branch;
    const Count kernels = bias * s.branch * TAPS;
    const Array arrays[] = {{&s.x, all, 0, 0},
                            {&s.kernels, kernels, 0, 0},
                            {&s.bias, bias, 0, 0},
                            {backward ? (void *)&s.grad : (void *)&s.out, all, 0, !backward},
                            {&s.for_x, all, 0, 1},
                            {&s.for_kernels, s.people * kernels, 0, 1},
                            {&s.for_bias, s.people * bias, 0, 1}};
    return run(all_scales, &s, threads, backward, given, arrays, backward ? 7 : 4);
}

static PyObject *run_norm(PyObject *args, int backward)
{
    Norm n = {0};
    PyObject *given;
    int threads;
    if (!PyArg_ParseTuple(args, "(nnnn)pfiO!", &n.people, &n.channels, &n.numbers, &n.normed, &n.relu,
                          &n.epsilon, &threads, &PyTuple_Type, &given))
        return NULL;
    if (n.people < 1 || n.channels < 1 || n.numbers < 1 || n.normed < 0 || n.normed > n.channels || threads < 1) {
        PyErr_SetString(PyExc_ValueError, "sizes and threads must be positive, channels normed at most all");
        return NULL;
    }
    const Count made = n.people * n.channels * n.numbers;
    const Array forward[] = {{&n.x, made, 0, 0},          {&n.counts, n.people, 0, 0},   {&n.weight, n.normed, 0, 0},
                             {&n.bias, n.normed, 0, 0},  {&n.residual, made, 1, 0},     {&n.mean, n.normed, 0, 1},
                             {&n.variance, n.normed, 0, 1}, {&n.out, made, 0, 1}};
    const int unread = !n.relu; /* what came out matters where something of it was made 0 */
    const Array back[] = {{&n.x, made, 0, 0},           {&n.counts, n.people, 0, 0},   {&n.weight, n.normed, 0, 0},
                          {&n.mean, n.normed, 0, 0},    {&n.variance, n.normed, 0, 0}, {&n.out, made, unread, 0},
                          {&n.grad, made, 0, 0},        {&n.for_x, made, 0, 1},        {&n.for_weight, n.normed, 0, 1},
                          {&n.for_bias, n.normed, 0, 1}, {&n.for_residual, made, 1, 1}};
    return backward ? run(all_channels, &n, threads, 1, given, back, 11)
                    : run(all_channels, &n, threads, 0, given, forward, 8);
}

static PyObject *sum_neighbours(PyObject *self, PyObject *args)
{
    (void)self;
    return run_graph(args, 0);
}

static PyObject *sum_neighbours_back(PyObject *self, PyObject *args)
{
    (void)self;
    return run_graph(args, 1);
}

static PyObject *norm(PyObject *self, PyObject *args)
{
    (void)self;
    return run_norm(args, 0);
}

static PyObject *norm_gradients(PyObject *self, PyObject *args)
{
    (void)self;
    return run_norm(args, 1);
}

static PyObject *scales(PyObject *self, PyObject *args)
{
    (void)self;
    return run_scales(args, 0);
}

static PyObject *scales_gradients(PyObject *self, PyObject *args)
{
    (void)self;
    return run_scales(args, 1);
}

static PyMethodDef functions[] = {{"sum_neighbours", sum_neighbours, METH_VARARGS, NULL},
                                  {"sum_neighbours_back", sum_neighbours_back, METH_VARARGS, NULL},
                                  {"norm", norm, METH_VARARGS, NULL},
                                  {"norm_back", norm_gradients, METH_VARARGS, NULL},
                                  {"scales", scales, METH_VARARGS, NULL},
                                  {"scales_back", scales_gradients, METH_VARARGS, NULL},
                                  {NULL, NULL, 0, NULL}};

static PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "graph_fast", .m_size = 0, .m_methods = functions};

PyMODINIT_FUNC PyInit_graph_fast(void)
{
    return PyModuleDef_Init(&module);
}
