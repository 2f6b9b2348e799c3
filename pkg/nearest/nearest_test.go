package nearest_test

import (
	"slices"
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

func TestQuestion(t *testing.T) {
	names := []string{"deploy", "destroy"}
	if got := nearest.Question("depoly", names); got != "did you mean deploy?" {
		t.Errorf("of a slip: %q", got)
	}
	if got := nearest.Question("x", names); got != "" {
		t.Errorf("of nothing like it: %q", got)
	}
}

func TestNames_areTheNearestFirst(t *testing.T) {
	names := []string{"us-east-1", "eu-west-1", "eu-central-2", "eu-central-1"}
	if got := nearest.Names("eu-centrl-1", names, 3); !slices.Equal(got, []string{"eu-central-1", "eu-central-2", "eu-west-1"}) {
		t.Errorf("the three nearest: %v", got)
	}
	if got := nearest.Names("x", names[:1], 3); !slices.Equal(got, names[:1]) {
		t.Errorf("of one: %v", got)
	}
	if names[0] != "us-east-1" {
		t.Errorf("the caller's list is in another order: %v", names)
	}
}
