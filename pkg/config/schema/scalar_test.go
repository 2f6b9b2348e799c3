package schema_test

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestRead_readsNumbersAsYAMLWritesThem(t *testing.T) {
	for text, want := range map[string]any{
		"3": 3, "0x3": 3, "0o3": 3, "03": 3, "0b11": 3, "+3": 3, "3.0": 3.0, "3e0": 3.0, "0_3": 3, "!!int '3'": 3, "!!float 3": 3.0, "3 # three": 3,
	} {
		if got := read(t, "beds: "+text+"\n"); !equal(got, map[string]any{"beds": want}) {
			t.Errorf("%s is %#v, want %#v", text, got["beds"], want)
		}
	}
	for text, want := range map[string]any{
		"true": true, "True": true, "FALSE": false, "!!bool 'true'": true,
	} {
		if got := read(t, "open: "+text+"\n"); !equal(got, map[string]any{"open": want}) {
			t.Errorf("%s is %#v, want %#v", text, got["open"], want)
		}
	}
}

func TestRead_readsTextAsItIsWritten(t *testing.T) {
	for text, want := range map[string]string{
		"k1": "k1", "'k 1'": "k 1", `"k\t1"`: "k\t1", "k # not a comment's": "k", "k#1": "k#1", "k: # null": "", "|\n  k\n  1\n": "k\n1\n", "|-\n  k\n  1\n": "k\n1",
		">-\n  k\n  1\n": "k 1", "k\n  1": "k 1", "!!str k": "k", "'k''s'": "k's", "'k: 1'": "k: 1", "k:1": "k:1", "k=": "k=", "'k\u00a01'": "k\u00a01",
	} {
		if want == "" {
			refusal(t, "key: "+text+"\n")
			continue
		}
		if got := read(t, "key: "+text+"\n"); !equal(got, map[string]any{"key": want}) {
			t.Errorf("%q is %q, want %q", text, got["key"], want)
		}
	}
	want := map[string]any{"door": "2024-01-02", "gate": "12:30:45", "wall": "1.2.3", "wood": "yes", "roof": "0x", "hall": "1e"}
	got := read(t, "shed: {codes: {door: 2024-01-02, gate: 12:30:45, wall: 1.2.3, wood: yes, roof: 0x, hall: 1e}}\n")
	if codes := got["shed"].(map[string]any)["codes"]; !equal(codes, want) {
		t.Errorf("what looks like numbers is %#v", codes)
	}
}

func TestRead_saysHowToWriteAValue(t *testing.T) {
	const quotes = " (put quotes around it)"
	for text, want := range map[string]string{
		"name: 1.10":                  "name: want text, got the number 1.1" + quotes,
		"name: 012":                   "name: want text, got the number 10" + quotes,
		"name: 1e3":                   "name: want text, got the number 1000" + quotes,
		"name: 123456789012":          "name: want text, got the number 123456789012" + quotes,
		"name: true":                  "name: want text, got true" + quotes,
		"name: !!str 12345":           `name: want lower-case letters, got "12345"`,
		"name: 2024-01":               `name: want lower-case letters, got "2024-01"`,
		"name: no":                    "name: is too short: want at least 3 characters",
		"beds: '3'":                   `beds: want a whole number, got "3"`,
		"beds: 3 beds":                `beds: want a whole number, got "3 beds"`,
		"beds: 1_0":                   "beds: want at most 9, got 10",
		"beds: 3.5":                   "beds: want a whole number, got the number 3.5",
		"beds: .inf":                  "beds: want a finite number",
		"beds: -.Inf":                 "beds: want a finite number",
		"beds: .nan":                  "beds: want a finite number",
		"beds: 1e400":                 `beds: want a whole number, got "1e400"`,
		"beds: 9223372036854775808":   "beds: want at most 9, got 9223372036854775808",
		"beds: -99999999999999999999": "beds: want at least 1, got -100000000000000000000",
		"beds: [3]":                   "beds: want a whole number, got a list",
		"beds: true":                  "beds: want a whole number, got true",
		"open: yes":                   `open: want true or false, got "yes"`,
		"open: 1":                     "open: want true or false, got the number 1",
		"open: 'true'":                `open: want true or false, got "true"`,
		"open: !!str true":            `open: want true or false, got "true"`,
		"plants: oak":                 `plants: want a list, got "oak"`,
		"plants: {oak: 1}":            "plants: want a list, got keys and values",
		"plants: !!set {oak}":         "plants: want a list, got keys and values",
		"pond: 3":                     "pond: want keys and values, got the number 3",
		"pond: [depth]":               "pond: want keys and values, got a list",
		"pond: ''":                    `pond: want keys and values, got ""`,
		"labels: {a: }":               "labels.a: want text, got null",
		"labels: [a]":                 "labels: want keys and values, got a list",
		"name: !x rose":               "name: has the YAML type !x, which is not supported",
		"name: !!binary aGVsbG8=":     "name: has the YAML type !!binary, which is not supported",
		"open: !!bool maybe":          "open: is not of its type !!bool",
		"beds: !!int three":           "beds: is not of its type !!int",
		"key: !!float k-hunter2":      "key: is not of its type !!float",
		"key: !<tag:example.com,2026:x> k-hunter2": "key: has the YAML type tag:example.com,2026:x, which is not supported",
		"key: ''": "key: is empty; leave the key out to keep the value that it had, or write null for the default",
		"beds:":   "beds: has no value; leave the key out to keep the value that it had, or write null for the default",
	} {
		lines, tree := problemsOf(t, text+"\n")
		if !slices.Equal(lines, []string{"garden.yml:1: " + want}) {
			t.Errorf("%s: got  %q\nwant %q", text, lines, want)
		}
		if len(tree) > 0 {
			t.Errorf("%s: it is there all the same: %v", text, tree)
		}
	}
}

// Below the key of Options.YAML11 a value means what the bosh CLI makes of it.
func TestRead_readsYAML11OnlyBelowItsKey(t *testing.T) {
	for text, want := range map[string]any{
		"yes": true, "Off": false, "n": false, "010": 8, "0o10": 8, "1_000": 1000, "1.5": 1.5, "'yes'": "yes", "!!str yes": "yes", "~": nil, "null": nil,
		"2024-01-02": "2024-01-02", "0x1F": 31, "": nil, "text": "text", "1e3": 1000.0, "[y, no]": []any{true, false}, "{on: on}": map[string]any{"on": true},
		"18446744073709551615": uint64(math.MaxUint64), "=": "=", "a\n      b": "a b",
	} {
		got := read(t, "shed:\n  vars:\n    a: "+text+"\n")
		if vars := got["shed"].(map[string]any)["vars"]; !equal(vars, map[string]any{"a": want}) {
			t.Errorf("%q is %#v, want %#v", text, vars, want)
		}
	}
	if got := read(t, "shed: {codes: {vars: yes}}\n"); !equal(got, map[string]any{"shed": map[string]any{"codes": map[string]any{"vars": "yes"}}}) {
		t.Errorf("elsewhere: %v", got)
	}
}

func TestRead_cutsLongValuesInWhatItSays(t *testing.T) {
	for value, want := range map[string]string{
		strings.Repeat("x", 60):       `"` + strings.Repeat("x", 60) + `"`,
		strings.Repeat("x", 61):       `"` + strings.Repeat("x", 60) + `…"`,
		strings.Repeat("ß", 61):       `"` + strings.Repeat("ß", 60) + `…"`,
		"'" + `one "word"` + "'":      `"one \"word\""`,
		"|\n  one\n  two":             `"one…"`,
		strings.Repeat("word ", 5000): `"` + strings.Repeat("word ", 12) + `…"`,
	} {
		if lines, _ := problemsOf(t, "beds: "+value+"\n"); !slices.Equal(lines, []string{"garden.yml:1: beds: want a whole number, got " + want}) {
			t.Errorf("%.80s: got  %.200q\nwant %q", value, lines, want)
		}
	}
}
