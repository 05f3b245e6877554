# frozen_string_literal: true

require_relative "lib/tasker_worker/version"

Gem::Specification.new do |spec|
  spec.name = "tasker_worker"
  spec.version = TaskerWorker::VERSION
  spec.authors = ["The authors of Tasker"]
  spec.summary = "Runs the steps of Tasker's durable tasks in Ruby"
  spec.description = "A worker for Tasker: handlers as blocks or classes, with heartbeats, checkpoints, cancellation, retries and " \
                     "a graceful drain, over ZeroMQ. Works alone and within Rails."
  spec.license = "Apache-2.0"
  spec.required_ruby_version = ">= 3.1"
  spec.files = Dir["lib/**/*.rb"] + ["README.md"]
  spec.metadata = { "rubygems_mfa_required" => "true" }
  spec.add_dependency "ffi-rzmq-core", "~> 1.0"
  spec.add_dependency "json", "~> 2.6"
end
