package cmd_test

import (
	"os"
	"strings"
	"testing"
)

// The licence is in the repository as a whole, the README names it, and the label of each
// image says it in SPDX's words.
func TestLicence_isSaidEverywhere(t *testing.T) {
	for file, parts := range map[string][]string{
		"../.github/LICENSE": {"Apache License\n                           Version 2.0, January 2004", "END OF TERMS AND CONDITIONS"},
		"../README.md":       {"## Licence\n", "](.github/LICENSE)"},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range parts {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s lacks %q", file, part)
			}
		}
	}
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	images := strings.Count(string(dockerfile), "org.opencontainers.image.licenses=\"${LICENCE}\"")
	if said := strings.Count(string(dockerfile), "\nARG LICENCE=Apache-2.0\n"); said != images || images != 2 {
		t.Errorf("%d of %d labels say Apache-2.0, want 2", said, images)
	}
}
