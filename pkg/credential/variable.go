// Package credential makes the passwords, certificates and keys that manifests
// need, keeps what is there, and says when it ends.
package credential

import (
	"errors"
	"fmt"
	"strings"

	"gopkg.in/yaml.v3"
)

// The types of a variable, as BOSH names them.
const (
	TypePassword    = "password"
	TypeCertificate = "certificate"
	TypeRSA         = "rsa"
	TypeSSH         = "ssh"
)

// Variable is one item of a manifest's section `variables:`.
type Variable struct {
	Name    string         `yaml:"name"`    // "director_ssl"
	Type    string         `yaml:"type"`    // "certificate"
	Options map[string]any `yaml:"options"` // of a certificate: {ca: default_ca, common_name: director, alternative_names: [10.0.0.6]}
}

// Variables reads the section `variables:` of a manifest. It fails, naming the
// variable, for one without a name, of an unknown type, that is there twice or
// whose options still hold a ((variable)).
func Variables(manifest []byte) ([]Variable, error) {
	var document struct {
		Variables []Variable `yaml:"variables"`
	}
	if err := yaml.Unmarshal(manifest, &document); err != nil {
		return nil, errors.New("parse the section variables: it is not a list of name, type and options")
	}
	seen := map[string]bool{}
	for _, v := range document.Variables {
		if err := v.check(); err != nil {
			return nil, err
		}
		if seen[v.Name] {
			return nil, fmt.Errorf("variable %s is there twice", v.Name)
		}
		seen[v.Name] = true
	}
	return document.Variables, nil
}

// check says what is wrong with the variable itself.
func (v Variable) check() error {
	switch v.Type {
	case TypePassword, TypeCertificate, TypeRSA, TypeSSH:
	default:
		return fmt.Errorf("variable %q has type %q; want password, certificate, rsa or ssh", v.Name, v.Type)
	}
	if v.Name == "" {
		return fmt.Errorf("a variable of type %s has no name", v.Type)
	}
	if text, err := yaml.Marshal(v.Options); err != nil || strings.Contains(string(text), "((") {
		return fmt.Errorf("variable %s: its options hold a variable without a value", v.Name)
	}
	return nil
}

// text is an option that is a text, "" if it is not there.
func (v Variable) text(option string) string {
	text, _ := v.Options[option].(string)
	return text
}

// list is an option that is a list of texts.
func (v Variable) list(option string) []string {
	items, _ := v.Options[option].([]any)
	list := make([]string, 0, len(items))
	for _, item := range items {
		list = append(list, fmt.Sprint(item))
	}
	return list
}

// isCA says whether the variable is a certificate that signs others.
func (v Variable) isCA() bool {
	is, _ := v.Options["is_ca"].(bool)
	return v.Type == TypeCertificate && is
}
