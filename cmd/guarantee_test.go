package cmd_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every promise of the tables names tests, and these exist: of the main ones in the README
// and of all in pkg/docs/guarantees.md.
func TestGuarantees_nameTestsThatExist(t *testing.T) {
	exist := testNames(t)
	name := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	for page, least := range map[string]int{"../README.md": 10, "../pkg/docs/guarantees.md": 40} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		rows := tableAfter(t, string(text), "| promise | proven by |")
		for _, cells := range rows {
			names := name.FindAllStringSubmatch(cells[len(cells)-1], -1)
			if len(names) == 0 {
				t.Errorf("%s: no test is named for: %s", page, cells[0])
			}
			for _, n := range names {
				if len(exist[n[1]]) == 0 {
					t.Errorf("%s: there is no %s", page, n[1])
				}
			}
		}
		if len(rows) < least {
			t.Errorf("%s: %d promises, want the whole table", page, len(rows))
		}
	}
}

// testNames are all tests of this module, each with the folders that have it.
func testNames(t *testing.T) map[string][]string {
	t.Helper()
	names := map[string][]string{}
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9_]+)\(t \*testing\.T\)`)
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
			names[m[1]] = append(names[m[1]], filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), "../")))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
