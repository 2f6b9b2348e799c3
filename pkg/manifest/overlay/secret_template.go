package overlay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"

	"gopkg.in/yaml.v3"
)

// templateSuffix ends the keys of templates of names of secrets, in manifests and pipelines.
const templateSuffix = "_secret_template"

// checkSecretTemplates finds a template of names of secrets that Concourse would refuse,
// wherever it is in a manifest or a pipeline: the web does not start with one, and a
// pipeline with one has no variables.
func checkSecretTemplates(text []byte) error {
	if !bytes.Contains(text, []byte(templateSuffix)) {
		return nil
	}
	var root any
	if err := yaml.Unmarshal(text, &root); err != nil {
		return err
	}
	return eachTemplate(root)
}

// eachTemplate looks into a part of a document.
func eachTemplate(node any) error {
	switch node := node.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			if text, is := node[key].(string); is && strings.HasSuffix(key, templateSuffix) {
				if err := checkSecretTemplate(text); err != nil {
					return fmt.Errorf("%s %q: %w", key, text, err)
				}
			}
			if err := eachTemplate(node[key]); err != nil {
				return err
			}
		}
	case []any:
		for _, item := range node {
			if err := eachTemplate(item); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkSecretTemplate does what Concourse does before it takes a template
// (atc/creds, BuildSecretTemplate). A variable of BOSH in it is filled in later.
func checkSecretTemplate(text string) error {
	t, err := template.New("template").Option("missingkey=error").Parse(text)
	if err != nil {
		return fmt.Errorf("parse it as Concourse does: %w", err)
	}
	if t.Tree == nil || parse.IsEmptyTree(t.Root) {
		return errors.New("want one that is not empty")
	}
	known := struct{ Team, Pipeline, Secret string }{"team", "pipeline", "secret"}
	if t.Execute(io.Discard, &known) != nil {
		return errors.New("want {{.Team}}, {{.Pipeline}} and {{.Secret}}, which Concourse fills in, and nothing else")
	}
	return nil
}
