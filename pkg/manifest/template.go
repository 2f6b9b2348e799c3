package manifest

import (
	"fmt"
	"maps"

	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// vars are values by the names of variables.
type vars = map[string]any

// dropVariables removes the section variables: what it asks for has been made, and
// a director without a config server has no use for it.
var dropVariables = template.File{Name: "the last ops", Text: []byte("- type: remove\n  path: /variables?\n")}

// draft is a template whose section variables is still there. The user's ops and
// variables come after all others.
func (in Input) draft(base template.File, ops, usersOps []template.File, values ...vars) template.Template {
	return template.Template{
		File:     base,
		OpsFiles: append(ops, usersOps...),
		Vars:     append(append(values, in.Credentials), in.User.Vars...),
	}
}

// final is the template without the section variables.
func final(t template.Template, err error) (template.Template, error) {
	if err == nil {
		t.OpsFiles = append(t.OpsFiles, dropVariables)
	}
	return t, err
}

// Director is the create-env manifest of the director. It says which input is missing.
func Director(in Input) (template.Template, error) { return final(in.director()) }

// Concourse is the manifest of the deployment. It says which input is missing or
// does not go with another.
func Concourse(in Input) (template.Template, error) { return final(in.concourse()) }

// Split gives the text of a template with its ops applied and its ((variables)) in
// place, and all values in one map: what create-env takes.
func Split(t template.Template) (text []byte, values secret.Values, err error) {
	values = secret.Values{}
	for _, layer := range t.Vars {
		maps.Copy(values, layer)
	}
	t.Vars, t.Partial = nil, true
	text, err = template.Render(t)
	return text, values, err
}

// DatabasePassword is the name of the credential that the database service is made
// with, before there is anything else.
const DatabasePassword = "database_password"

// FirstVariables are those that do not depend on the infrastructure, and that the
// infrastructure needs.
func FirstVariables() []credential.Variable {
	return []credential.Variable{{Name: DatabasePassword, Type: credential.TypePassword, Options: map[string]any{"length": 32}}}
}

// Variables are the credentials that the manifests need, and that pkg/credential
// makes: those of the sections variables, the user's included. What the user gives a
// value is not among them.
func Variables(in Input) ([]credential.Variable, error) {
	in.Credentials = nil // rendering takes what has a value out of the section
	var all []credential.Variable
	seen := map[string]bool{}
	drafts := []func() (template.Template, error){in.director, in.concourse}
	if in.elsewhere() {
		drafts = drafts[1:]
	}
	for _, draft := range drafts {
		t, err := draft()
		if err != nil {
			return nil, err
		}
		t.Partial = true // the credentials themselves have no value yet
		text, err := template.Render(t)
		if err != nil {
			return nil, err
		}
		list, err := credential.Variables(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		for _, v := range list {
			if !seen[v.Name] {
				seen[v.Name] = true
				all = append(all, v)
			}
		}
	}
	return all, nil
}
