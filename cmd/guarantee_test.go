package cmd_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every promise of the README's table names tests, and these exist.
func TestGuarantees_nameTestsThatExist(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := bytes.Cut(readme, []byte("| promise | proven by |\n"))
	if !found {
		t.Fatal("the README has no table of promises")
	}
	exist := testNames(t)
	name := regexp.MustCompile("`(Test[A-Za-z0-9_]+)`")
	promises := 0
	for line := range strings.Lines(string(table)) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		promises++
		names := name.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("no test is named for: %s", line)
		}
		for _, n := range names {
			if len(exist[n[1]]) == 0 {
				t.Errorf("there is no %s", n[1])
			}
		}
	}
	if promises < 15 {
		t.Errorf("%d promises, want the whole table", promises)
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
