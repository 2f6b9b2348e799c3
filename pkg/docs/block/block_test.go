package block_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/docs/block"
)

func TestParse_findsBlocksWithTheirKinds(t *testing.T) {
	got, err := block.Parse("a.md", "# A\n```sh make\nmake help  # all\n\n# why\nmake x\n```\ntext\n```\nplain\n```\n")
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, error %v", got, err)
	}
	if got[0].String() != "a.md:3" || got[0].Kind != "sh make" || !slices.Equal(got[0].Lines(), []string{"make help", "make x"}) {
		t.Errorf("the first is %q at %s: %q", got[0].Kind, got[0], got[0].Lines())
	}
	if got[1].Kind != "" || got[1].Text != "plain\n" {
		t.Errorf("the second is %+v", got[1])
	}
	if _, err := block.Parse("a.md", "```\nnever ends\n"); err == nil || !strings.Contains(err.Error(), "a.md:2") {
		t.Errorf("error %v", err)
	}
}

func TestOf_wantsBlocksOfTheKind(t *testing.T) {
	if list, err := block.Of("../../..", "sh make"); err != nil || len(list) < 2 {
		t.Errorf("%v, error %v", list, err)
	}
	if _, err := block.Of("../../..", "cobol"); err == nil {
		t.Error("of no block there is no error")
	}
}
