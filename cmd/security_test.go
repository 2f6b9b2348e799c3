package cmd_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// attackers are those whom the table of threats must tell of.
var attackers = []string{
	"Another team of the same Concourse", "A watched repository, mirror or DNS", "A build on the same worker", "A reader of logs", "A reader of the bucket",
	"The network", "The holder of the pipeline's role", "A compromised release of our own", "A stolen laptop",
}

// namedTest is a test as SECURITY.md names it, `pkg/seal TestVerify_refusesByName`.
var (
	namedTest = regexp.MustCompile("`([a-z0-9/]+) (Test[A-Za-z0-9_]+)`")
	anyTest   = regexp.MustCompile(`\bTest[A-Z]\w+`)
)

// Of each attacker it is said what they can, what they cannot, and by which tests that is
// held; what input is refused is held as well, and all these tests exist.
func TestSecurity_namesTestsThatExistForEveryThreat(t *testing.T) {
	text, err := os.ReadFile("../.github/SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, cells := range tableAfter(t, string(text), "| who | can | cannot | held by |") {
		told = append(told, strings.Trim(cells[0], "*"))
		if len(cells) != 4 || cells[1] == "" || cells[2] == "" || !namedTest.MatchString(cells[3]) {
			t.Errorf("of %s it is not all said: %q", cells[0], cells)
		}
	}
	if !slices.Equal(told, attackers) {
		t.Errorf("it tells of %q, want %q", told, attackers)
	}
	inputs := tableAfter(t, string(text), "| what | held by |")
	for _, cells := range inputs {
		if len(cells) != 2 || !namedTest.MatchString(cells[1]) {
			t.Errorf("no test holds that it is refused: %q", cells)
		}
	}
	if len(inputs) != 9 {
		t.Errorf("%d inputs are refused, want 9", len(inputs))
	}
	exist := testNames(t)
	for _, named := range namedTest.FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(exist[named[2]], named[1]) {
			t.Errorf("there is no %s in %s", named[2], named[1])
		}
	}
	all, well := len(anyTest.FindAllString(string(text), -1)), len(namedTest.FindAllString(string(text), -1))
	if all != well {
		t.Errorf("%d tests are named, %d of them with their package", all, well)
	}
}

// tableAfter are the rows of the table with a heading, each as its cells.
func tableAfter(t *testing.T, text, heading string) (rows [][]string) {
	t.Helper()
	_, table, found := strings.Cut(text, heading+"\n")
	if !found {
		t.Fatalf("there is no table %q", heading)
	}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		if strings.HasPrefix(line, "|---") {
			continue
		}
		var cells []string
		for cell := range strings.SplitSeq(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.TrimSpace(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

// The README leads there.
func TestSecurity_isLinkedFromTheREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "](.github/SECURITY.md") {
		t.Error("the README has no link to .github/SECURITY.md")
	}
}
