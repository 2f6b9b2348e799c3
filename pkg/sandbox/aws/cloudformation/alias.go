package cloudformation

import (
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/handler"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/stack"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/template"
)

// What lies in the packages below and belongs to the face of the service.
type (
	// Live is a resource that exists.
	Live = resource.Live
	// Judge says whether the caller of a request may do something: nil, or why not.
	Judge = handler.Judge
	// Options say how the simulated service is. The zero value of a field is its default.
	Options = stack.Options
	// Failure makes a resource fail.
	Failure = stack.Failure
	// StackState is one stack.
	StackState = stack.State
	// Event is one line of a stack's history.
	Event = stack.Event
	// Template is a parsed template.
	Template = template.Template
)

// Replaces says whether a change of that property makes a new resource.
func Replaces(resourceType, property string) bool { return resource.Replaces(resourceType, property) }

// Parse reads a template in YAML or JSON. It refuses what CloudFormation refuses.
func Parse(text []byte) (*Template, error) { return template.Parse(text) }

// Walk calls visit for every intrinsic function within a value, outer ones first.
func Walk(value any, visit func(function string, argument any)) { template.Walk(value, visit) }
