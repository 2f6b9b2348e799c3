package nearest_test

import (
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/nearest"
)

func TestName(t *testing.T) {
	names := []string{"deploy", "destroy", "in", "Workers", "configuration"}
	for word, want := range map[string]string{
		"deploy": "deploy", "depoly": "deploy", "destory": "destroy", "DEPLOY": "deploy", "workers": "Workers", "im": "in",
		"deploying":    "deploy", // a third of it is wrong
		"depoyling":    "",       // more than a third is
		"confguratoin": "configuration",
		"x":            "", "xy": "", "": "", // nothing of them is right
	} {
		if got := nearest.Name(word, names); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	if got := nearest.Name("ax", []string{"ab", "ac"}); got != "ab" {
		t.Errorf("of two that are equally near: %q", got)
	}
}
