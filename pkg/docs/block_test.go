package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/cloudfoundry/bosh-cli/v7/cmd/opts"
	"github.com/jessevdk/go-flags"

	"github.com/perpetual-ci/perpetual/pkg/compatibility"
	"github.com/perpetual-ci/perpetual/pkg/docs/block"
)

const root = "../.."

// checked are the kinds of blocks that are checked here.
var checked = map[string]func(*testing.T, block.Block){
	"sh make":            isMade,
	"sh bosh":            isTakenByBosh,
	"yaml pipeline":      isValidPipeline,
	"yaml step":          isValidStep,
	"yaml perpetual.yml": isValidConfiguration,
	"yaml ops-file":      applies,
	"text way":           isTheReason,
	"text gate":          isSaidByTheGate,
	"text architecture":  namesWhatThereIs,
}

// elsewhere are the kinds that are run where the programs and simulators for it are, by
// the file with the test that does.
var elsewhere = map[string]string{
	"sh docker":       "pkg/command/installer/document_linux_test.go",
	"sh own-director": "pkg/command/installer/document_linux_test.go",
	"sh pipeline":     "pkg/command/installer/document_linux_test.go",
	"sh sign":         "pkg/command/installer/document_linux_test.go",
	"sh resume":       "pkg/command/installer/document_linux_test.go",
	"text deploy":     "pkg/command/installer/document_linux_test.go",
	"text session":    "pkg/command/installer/document_linux_test.go",
	"text validate":   "pkg/command/installer/document_linux_test.go",
	"text status":     "pkg/status/paused_test.go",
	"sh serve":        "cmd/sandbox/serve_test.go",
	"sh refresh":      "pkg/compatibility/refresh/refresh_test.go",
}

// Every block of the documents is checked by its kind; one of a kind that is not known
// fails.
func TestDocuments_holdNoBlockThatNobodyChecks(t *testing.T) {
	list, err := block.All(root)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, b := range list {
		seen[b.Kind] = true
		check, here := checked[b.Kind]
		switch file := elsewhere[b.Kind]; {
		case here:
			t.Run(b.String(), func(t *testing.T) { check(t, b) })
		case file == "":
			t.Errorf("%s: nobody knows how to check a block of kind %q", b, b.Kind)
		default:
			text, err := os.ReadFile(filepath.Join(root, file))
			if err != nil || !strings.Contains(string(text), `"`+b.Kind+`"`) {
				t.Errorf("%s: %s does not check blocks of kind %q (error %v)", b, file, b.Kind, err)
			}
		}
	}
	for kind := range checked {
		if !seen[kind] {
			t.Errorf("there is no block of kind %q any more", kind)
		}
	}
	for kind := range elsewhere {
		if !seen[kind] {
			t.Errorf("there is no block of kind %q any more", kind)
		}
	}
}

// isMade has make say what it would do. The scenarios that it names, the tests of
// pkg/sandbox/demo play.
func isMade(t *testing.T, b block.Block) {
	for _, line := range b.Lines() {
		words := strings.Fields(line)
		if words[0] != "make" {
			t.Errorf("%s: %q does not run make", b, line)
			continue
		}
		command := exec.CommandContext(t.Context(), "make", append([]string{"--dry-run", "--no-print-directory", "-C", root}, words[1:]...)...)
		command.Env = append(os.Environ(), "MAKEFLAGS=")
		out, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %s: %v\n%s", b, line, err, out)
		}
		for _, word := range words[1:] {
			if scenario, ok := strings.CutPrefix(word, "DEMO="); ok && !strings.Contains(string(out), "--scenario "+scenario+" ") {
				t.Errorf("%s: %s plays no scenario %s:\n%s", b, line, scenario, out)
			}
		}
	}
}

// isTakenByBosh has the commands read by the bosh CLI's own grammar.
func isTakenByBosh(t *testing.T, b block.Block) {
	quoted := regexp.MustCompile(`'[^']*'|\S+`)
	for _, line := range b.Lines() {
		words := quoted.FindAllString(line, -1)
		for i := range words {
			words[i] = strings.Trim(words[i], "'")
		}
		parser := flags.NewParser(&opts.BoshOpts{}, flags.PassDoubleDash)
		parser.CommandHandler = func(flags.Commander, []string) error { return nil }
		if _, err := parser.ParseArgs(words[1:]); words[0] != "bosh" || err != nil {
			t.Errorf("%s: %s: %v", b, line, err)
		}
	}
}

// isTheReason has the reason for a way given again for the versions that the text is about.
func isTheReason(t *testing.T, b block.Block) {
	choice, err := compatibility.Choose(compatibility.Now{Version: "8.2.5"}, "8.3.0", compatibility.Auto)
	if want := "way: " + string(choice.Way) + ": " + choice.Reason + "\n"; err != nil || b.Text != want {
		t.Errorf("%s: %q, want %q (error %v)", b, b.Text, want, err)
	}
}

// isSaidByTheGate finds each line among those that the script says.
func isSaidByTheGate(t *testing.T, b block.Block) {
	script, err := os.ReadFile(filepath.Join(root, "pkg/boshrelease/jobs/gate/templates/post-start"))
	if err != nil {
		t.Fatal(err)
	}
	said := regexp.MustCompile(`(?m)^\s*say "([^"\n]+)"`).FindAllStringSubmatch(string(script), -1)
	value := regexp.MustCompile(`\\\$\\\((?:.*?)\\\)\\\)|\\\$\\\{.*?\\\}|\\\$\w+|\\\$\\\*`)
	for line := range strings.Lines(b.Text) {
		_, text, _ := strings.Cut(strings.TrimSpace(line), "Z gate: ")
		found := false
		for _, pattern := range said {
			found = found || regexp.MustCompile("^"+value.ReplaceAllString(regexp.QuoteMeta(pattern[1]), ".+")+"$").MatchString(text)
		}
		if !found || text == "" {
			t.Errorf("%s: the script never says %q", b, text)
		}
	}
}

// namesWhatThereIs looks for the folders that a drawing names: those under pkg without it.
func namesWhatThereIs(t *testing.T, b block.Block) {
	column := regexp.MustCompile(`\s{2,}|──`)
	folders := 0
	for line := range strings.Lines(b.Text) {
		drawn, said := strings.NewReplacer("│", " ", "└─", " ", "─┘", "  ", "─", " "), ""
		cells := column.Split(strings.TrimSpace(drawn.Replace(line)), -1)
		if len(cells) > 1 {
			said = cells[len(cells)-1]
		}
		for _, word := range strings.Fields(strings.TrimSuffix(strings.TrimSpace(drawn.Replace(line)), said)) {
			folders++
			_, inPkg := os.Stat(filepath.Join(root, "pkg", strings.TrimPrefix(word, "pkg/")))
			_, atTop := os.Stat(filepath.Join(root, word))
			if inPkg != nil && atTop != nil {
				t.Errorf("%s: there is no folder %s", b, word)
			}
		}
	}
	if folders < 20 {
		t.Errorf("%s: %d folders, want all that matter", b, folders)
	}
}
