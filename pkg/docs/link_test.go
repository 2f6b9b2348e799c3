package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/docs"
	"github.com/perpetual-ci/perpetual/pkg/docs/block"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	dropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors are those that GitHub gives to the headings of a document.
func anchors(text string) (list []string) {
	for _, h := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		list = append(list, strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return list
}

// Every link within the repository leads to a file, and to a heading that is in it.
func TestDocuments_linkToWhatThereIs(t *testing.T) {
	files, err := block.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			links++
			target, anchor, _ := strings.Cut(m[1], "#")
			if target = path.Join(path.Dir(file), target); target == path.Dir(file) {
				target = file
			}
			there, err := os.ReadFile(filepath.Join(root, target))
			if err != nil {
				t.Errorf("%s links to %s: %v", file, m[1], err)
			} else if anchor != "" && !slices.Contains(anchors(string(there)), anchor) {
				t.Errorf("%s links to %s, and %s has no such heading", file, m[1], target)
			}
		}
	}
	if links < 60 {
		t.Errorf("%d links were looked at", links)
	}
}

// Every document is a topic, the README leads to each, and the topics' order is that of
// its list.
func TestTopics_areAllDocuments(t *testing.T) {
	topics, err := docs.Topics()
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(readme), "## Documents\n")
	files, err := filepath.Glob("*.md")
	if err != nil || len(files) != len(topics) {
		t.Errorf("%d documents, %d topics (error %v)", len(files), len(topics), err)
	}
	for _, topic := range topics {
		row := "| [" + topic.Name + "](pkg/docs/" + topic.Name + ".md) |"
		_, after, ok := strings.Cut(list, row)
		if !ok || topic.Title == "" {
			t.Errorf("the README's list has no %q after the one before", row)
			continue
		}
		list = after
	}
}

// The front page stays one.
func TestREADME_isAFrontPage(t *testing.T) {
	readme, err := os.ReadFile(root + "/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(readme), "\n"); n > 250 {
		t.Errorf("%d lines, want 250 at most: what is more goes to pkg/docs", n)
	}
}

// A file or folder of the repository that is named, is there; NAME stands for any.
func TestDocuments_nameFilesThatThereAre(t *testing.T) {
	files, err := block.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	named, looked := regexp.MustCompile("`((?:pkg|cmd|pipelines)/[A-Za-z0-9_./-]*)`"), 0
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			looked++
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil && !strings.Contains(m[1], "NAME") {
				t.Errorf("%s names %s: %v", file, m[1], err)
			}
		}
	}
	if looked < 20 {
		t.Errorf("%d names were looked at", looked)
	}
}

// Nothing else finds what a merge leaves in a document: it is text like any other.
func TestDocuments_holdNothingOfAMerge(t *testing.T) {
	files, err := block.Documents(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "<<<<<<< ") || strings.HasPrefix(line, ">>>>>>> ") || line == "=======" {
				t.Errorf("%s:%d: %s", file, i+1, line)
			}
		}
	}
}
