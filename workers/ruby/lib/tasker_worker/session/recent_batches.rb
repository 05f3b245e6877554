# frozen_string_literal: true

module TaskerWorker
  # Remembers the `seq` of the last 2,000 to 4,000 batch messages of a session, so that a doubled one runs nothing twice (not the
  # `batch_id`: a large batch comes in several messages). In two generations: when the younger is full, the older is forgotten.
  class RecentBatches
    GENERATION = 2_000

    def initialize
      @young = {}
      @old = {}
    end

    # @return [Boolean] false when it was seen before
    def add(seq)
      return false if @young.key?(seq) || @old.key?(seq)

      if @young.size >= GENERATION
        @old = @young
        @young = {}
      end
      @young[seq] = true
    end
  end
end
