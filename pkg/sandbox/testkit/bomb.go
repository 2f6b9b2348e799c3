package testkit

import (
	"fmt"
	"strings"
)

// laughs is the billion laughs: levels of lists, each of ten times the one before.
func laughs(levels int) string {
	var b strings.Builder
	b.WriteString("name: c\na0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n")
	for i := 1; i < levels; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}

// echoes repeat one long text: few nodes, of which a decoder counts each, and
// much text once they are written out.
func echoes(size, times int) string {
	return "name: c\nbig: &big " + strings.Repeat("x", size) + "\nall: [" + strings.TrimSuffix(strings.Repeat("*big, ", times), ", ") + "]\n"
}

// Bombs are YAML texts of at most a few MiB that would fill gigabytes.
var Bombs = map[string]string{
	"billion laughs":                        laughs(9),
	"laughs under the limit of the decoder": laughs(5) + "filler: [" + strings.Repeat("1, ", 200_000) + "1]\n",
	"echoes":                                echoes(1<<20, 4_000),
	"merged maps":                           "name: c\nm0: &m0 {a: 1, b: 2}\n" + merges(12),
	"deep nesting":                          "name: c\nx: " + strings.Repeat("[", 200_000),
}

func merges(levels int) string {
	var b strings.Builder
	for i := 1; i < levels; i++ {
		fmt.Fprintf(&b, "m%d: &m%d {x: {<<: *m%d}, y: {<<: *m%d}, z: *m%d}\n", i, i, i-1, i-1, i-1)
	}
	return b.String()
}
