package cloudformation

import "github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"

// What lies in the packages below and belongs to the face of the service.
type (
	// Live is a resource that exists.
	Live = resource.Live
)

// Replaces says whether a change of that property makes a new resource.
func Replaces(resourceType, property string) bool { return resource.Replaces(resourceType, property) }
