package cloudformation

import (
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// What lies in the packages below and belongs to the face of the service.
type (
	// Live is a resource that exists.
	Live = resource.Live
	// Template is a template as CloudFormation reads it.
	Template = template.Template
)

// Replaces says whether a change of that property makes a new resource.
func Replaces(resourceType, property string) bool { return resource.Replaces(resourceType, property) }

// Parse reads a template.
func Parse(text []byte) (*Template, error) { return template.Parse(text) }

// Walk calls visit for each function in a value of a template.
func Walk(value any, visit func(function string, argument any)) { template.Walk(value, visit) }
