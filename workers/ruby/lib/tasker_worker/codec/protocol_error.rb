# frozen_string_literal: true

module TaskerWorker
  # What is wrong with a message that came from the wire: a stable code (spec section 15), the place, what was expected there,
  # and the ids that could still be read, so that the refusal can be logged, counted and answered.
  class ProtocolError < StandardError
    attr_reader :code, :path, :expected, :got
    # @return [Hash] of what could be read: `session`, `batch_id`, `step_id`, `lease_id`
    attr_reader :ids

    def initialize(code, path, expected, got, ids = {})
      @code = code
      @path = path
      @expected = expected
      @got = got
      @ids = ids.compact
      known = @ids.map { |name, id| "#{name} #{id}" }
      super("#{path.empty? ? "message" : path}: expected #{expected}, got #{got}#{" (#{known.join(", ")})" unless known.empty?}")
    end

    # The same error, seen from the value that contains this one at `path`.
    def within(path, ids = {})
      inner = @path.empty? || @path.start_with?("[") ? @path : ".#{@path}"
      ProtocolError.new(@code, path.empty? ? @path : path + inner, @expected, @got, @ids.merge(ids))
    end
  end
end
