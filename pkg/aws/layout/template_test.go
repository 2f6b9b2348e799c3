package layout_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/perpetual-ci/perpetual/pkg/aws/layout"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation"
)

// parsed is the template.
func parsed(t *testing.T) *cloudformation.Template {
	t.Helper()
	template, err := cloudformation.Parse(layout.Template())
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// uses counts what the template refers to.
func uses(template *cloudformation.Template) (names, conditions map[string]int) {
	names, conditions = map[string]int{}, map[string]int{}
	visit := func(function string, argument any) {
		list, _ := argument.([]any)
		switch function {
		case "Ref":
			names[fmt.Sprint(argument)]++
		case "Condition":
			conditions[fmt.Sprint(argument)]++
		case "Fn::If":
			conditions[fmt.Sprint(list[0])]++
		case "Fn::GetAtt":
			names[fmt.Sprint(list[0])]++
		}
	}
	for _, condition := range template.Conditions {
		cloudformation.Walk(condition, visit)
	}
	for _, r := range template.Resources {
		cloudformation.Walk(map[string]any(r.Properties), visit)
		cloudformation.Walk(map[string]any(r.Metadata), visit)
		conditions[r.Condition]++
		for _, id := range r.DependsOn {
			names[id]++
		}
	}
	for _, o := range template.Outputs {
		cloudformation.Walk(o.Value, visit)
		conditions[o.Condition]++
	}
	return names, conditions
}

func TestTemplate_usesAllThatItDefinesAndNothingElse(t *testing.T) {
	template := parsed(t)
	names, conditions := uses(template)
	for name := range template.Parameters {
		if names[name] == 0 {
			t.Errorf("parameter %s is used nowhere", name)
		}
	}
	for name := range template.Conditions {
		if conditions[name] == 0 {
			t.Errorf("condition %s is used nowhere", name)
		}
	}
	for name := range names {
		_, parameter := template.Parameters[name]
		_, resource := template.Resources[name]
		if !parameter && !resource && !strings.HasPrefix(name, "AWS::") {
			t.Errorf("%s is referred to, and is neither parameter nor resource", name)
		}
	}
	for name := range conditions {
		if _, ok := template.Conditions[name]; !ok && name != "" {
			t.Errorf("condition %s is not defined", name)
		}
	}
}

func TestTemplate_keepsTheRules(t *testing.T) {
	template := parsed(t)
	if body := layout.Body(); len(body) > 51200 {
		t.Errorf("the template has %d bytes: more than 51200 cannot be sent with a call", len(body))
	} else if sent, err := cloudformation.Parse(body); err != nil || bytes.Contains(body, []byte("\n  #")) {
		t.Errorf("what is sent is not without comments, or is not read: %v", err)
	} else if diff := cmp.Diff(template, sent); diff != "" {
		t.Errorf("what is sent means something else: %s", diff)
	}
	for name, p := range template.Parameters {
		if p.Description == "" {
			t.Errorf("parameter %s says nothing of itself", name)
		}
		secret := regexp.MustCompile(`(?i)password$|secret|token|private_?key`).MatchString(name)
		if secret != p.NoEcho || p.NoEcho && p.Default != nil && *p.Default != "" {
			t.Errorf("parameter %s is secret: %v, NoEcho: %v, default: %v", name, secret, p.NoEcho, p.Default)
		}
	}
	for name, o := range template.Outputs {
		cloudformation.Walk(o.Value, func(function string, argument any) {
			if function == "Ref" && template.Parameters[fmt.Sprint(argument)].NoEcho {
				t.Errorf("output %s shows the secret %v", name, argument)
			}
		})
	}
	database := template.Resources["Database"]
	if database.DeletionPolicy != "Snapshot" || database.UpdateReplacePolicy != "Snapshot" {
		t.Errorf("the database is deleted without a snapshot: %+v", database)
	}
	for _, pattern := range []string{`\b[a-z]{2}(-[a-z]+)+-\d[a-z]?\b`, `\bami-`, `\b[a-z]\d[a-z]*\.(nano|micro|medium|large|xlarge)\b`, `arn:aws:`, `AKIA`} {
		if found := regexp.MustCompile(pattern).FindString(string(layout.Template())); found != "" {
			t.Errorf("the template names %q: regions, zones, images and types are the user's", found)
		}
	}
}

func TestCurrent_looksAtWhatTheTemplateSays(t *testing.T) {
	own := string(layout.Template())
	for title, c := range map[string]struct {
		text string
		want bool
	}{
		"as it is in the program":     {own, true},
		"as it is sent":               {string(layout.Body()), true},
		"with other ends of lines":    {strings.ReplaceAll(own, "\n", "\r\n"), true},
		"without the last line's end": {strings.TrimRight(own, "\n"), true},
		"with another value":          {strings.Replace(own, "StorageEncrypted: true", "StorageEncrypted: false", 1), false},
		"nothing":                     {"", false},
	} {
		if got := layout.Current(c.text); got != c.want {
			t.Errorf("a template %s is current: %v", title, got)
		}
	}
}
